%% ETS: lookups and inserts a second at random keys of a large public set.
%%
%% A record is {Key, Int, Binary}: an integer key from 0 to Records - 1, an integer, and a binary of 40 bytes.
%% An insert replaces the record of an existing key. Prints one line of JSON.
-module(mnemon_bench_ets).
-export([main/3]).

%% Operations between two looks at the clock.
-define(BATCH, 1000).

main(DurationMs, Records, Processes) ->
    Table = ets:new(records, [set, public, {read_concurrency, true}, {write_concurrency, true}]),
    Binary = binary:copy(<<"v">>, 40),
    fill(Table, Records, Binary),
    Lookups = rate(DurationMs, Processes, fun(State) -> lookups(Table, Records, ?BATCH, State) end),
    Inserts = rate(DurationMs, Processes, fun(State) -> inserts(Table, Records, Binary, ?BATCH, State) end),
    Records = ets:info(Table, size),
    io:format("{\"otp\":\"~s\",\"lookups\":~.1f,\"inserts\":~.1f}~n",
              [erlang:system_info(otp_release), Lookups, Inserts]).

fill(_Table, 0, _Binary) -> ok;
fill(Table, N, Binary) ->
    ets:insert(Table, {N - 1, 0, Binary}),
    fill(Table, N - 1, Binary).

lookups(_Table, _Records, 0, State) -> State;
lookups(Table, Records, N, State) ->
    [{_, _, _}] = ets:lookup(Table, key(State, Records)),
    lookups(Table, Records, N - 1, next(State)).

inserts(_Table, _Records, _Binary, 0, State) -> State;
inserts(Table, Records, Binary, N, State) ->
    true = ets:insert(Table, {key(State, Records), N, Binary}),
    inserts(Table, Records, Binary, N - 1, next(State)).

%% A linear congruence costs less than a nanosecond, stays in small integers, and needs no more than to miss the cache;
%% its low bits are poor, so a key is drawn from the high ones.
next(State) -> (State * 69069 + 1) band 16#ffffffff.
key(State, Records) -> (State bsr 8) rem Records.

%% Operations a second of Processes processes that repeat Batch until the time is over.
rate(DurationMs, Processes, Batch) ->
    Parent = self(),
    Started = erlang:monotonic_time(),
    End = Started + erlang:convert_time_unit(DurationMs, millisecond, native),
    Workers = [spawn_monitor(fun() -> Parent ! {self(), repeat(Batch, Seed * 7919, End, 0)} end)
               || Seed <- lists:seq(1, Processes)],
    Batches = lists:sum([await(Worker) || Worker <- Workers]),
    Elapsed = erlang:convert_time_unit(erlang:monotonic_time() - Started, native, microsecond),
    Batches * ?BATCH * 1000000 / Elapsed.

repeat(Batch, State, End, Count) ->
    case erlang:monotonic_time() < End of
        true -> repeat(Batch, Batch(State), End, Count + 1);
        false -> Count
    end.

await({Pid, Monitor}) ->
    receive
        {Pid, Count} -> erlang:demonitor(Monitor, [flush]), Count;
        {'DOWN', Monitor, process, Pid, Reason} -> exit(Reason)
    end.
