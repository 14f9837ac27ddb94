%% Mnesia: read-modify-write of ram_copies rows a second, in transactions and dirty, on this node alone.
%%
%% Each process works on 1,000 rows of its own, picked at random, and adds one to a row's integer. In the end the
%% integers must add up to the operations counted. Prints one line of JSON.
-module(mnemon_bench_mnesia).
-export([main/2]).

-define(ROWS, 1000).
%% Operations between two looks at the clock.
-define(BATCH, 100).

main(DurationMs, Processes) ->
    case application:load(mnesia) of
        ok -> measure(DurationMs, Processes);
        {error, _} -> io:format("{\"absent\":\"this Erlang has no mnesia\"}~n")
    end.

measure(DurationMs, Processes) ->
    ok = mnesia:start(),
    {atomic, ok} = mnesia:create_table(rows, [{ram_copies, [node()]}, {attributes, [key, value]}]),
    ok = mnesia:wait_for_tables([rows], 10000),
    Transactions = rate(DurationMs, Processes, fun transaction/1),
    Dirty = rate(DurationMs, Processes, fun dirty/1),
    {ok, Version} = application:get_key(mnesia, vsn),
    io:format("{\"otp\":\"~s\",\"mnesia\":\"~s\",\"transactions\":~.1f,\"dirty\":~.1f}~n",
              [erlang:system_info(otp_release), Version, Transactions, Dirty]).

transaction(Key) ->
    {atomic, ok} = mnesia:transaction(fun() ->
        [{rows, Key, Value}] = mnesia:read(rows, Key, write),
        mnesia:write({rows, Key, Value + 1})
    end).

dirty(Key) ->
    [{rows, Key, Value}] = mnesia:dirty_read(rows, Key),
    ok = mnesia:dirty_write({rows, Key, Value + 1}).

%% Operations a second of Processes processes that repeat Operation until the time is over.
rate(DurationMs, Processes, Operation) ->
    [ok = mnesia:dirty_write({rows, Key, 0}) || Key <- lists:seq(0, Processes * ?ROWS - 1)],
    Parent = self(),
    Started = erlang:monotonic_time(),
    End = Started + erlang:convert_time_unit(DurationMs, millisecond, native),
    Workers = [spawn_monitor(fun() -> Parent ! {self(), repeat(Operation, Number * ?ROWS, Number + 1, End, 0)} end)
               || Number <- lists:seq(0, Processes - 1)],
    Operations = ?BATCH * lists:sum([await(Worker) || Worker <- Workers]),
    Elapsed = erlang:convert_time_unit(erlang:monotonic_time() - Started, native, microsecond),
    Operations = ets:foldl(fun({rows, _, Value}, Sum) -> Sum + Value end, 0, rows),
    Operations * 1000000 / Elapsed.

repeat(Operation, First, State, End, Count) ->
    case erlang:monotonic_time() < End of
        true -> repeat(Operation, First, batch(Operation, First, State, ?BATCH), End, Count + 1);
        false -> Count
    end.

batch(_Operation, _First, State, 0) -> State;
batch(Operation, First, State, N) ->
    Operation(First + (State bsr 8) rem ?ROWS),
    batch(Operation, First, (State * 69069 + 1) band 16#ffffffff, N - 1).

await({Pid, Monitor}) ->
    receive
        {Pid, Count} -> erlang:demonitor(Monitor, [flush]), Count;
        {'DOWN', Monitor, process, Pid, Reason} -> exit(Reason)
    end.
