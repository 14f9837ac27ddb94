%% Mnesia with disc_copies: dirty writes a second, and how long a start takes that loads the table, on this node alone.
%%
%% Records have a key of 16 bytes and a value of 40. The log is dumped before the stop, so that the start reads the table's
%% file and nothing else. Prints one line of JSON.
-module(mnemon_bench_mnesia_disc).
-export([main/3]).

%% Operations between two looks at the clock.
-define(BATCH, 100).

main(DurationMs, Records, Processes) ->
    case application:load(mnesia) of
        ok -> measure(DurationMs, Records, Processes);
        {error, _} -> io:format("{\"absent\":\"this Erlang has no mnesia\"}~n")
    end.

measure(DurationMs, Records, Processes) ->
    ok = application:set_env(mnesia, dir, "mnesia"),
    ok = mnesia:create_schema([node()]),
    ok = mnesia:start(),
    {atomic, ok} = mnesia:create_table(rows, [{disc_copies, [node()]}, {attributes, [key, value]}]),
    [ok = mnesia:dirty_write({rows, key(N), value(N)}) || N <- lists:seq(0, Records - 1)],
    Writes = rate(DurationMs, Records, Processes),
    dumped = mnesia:dump_log(),
    stopped = mnesia:stop(),
    {LoadUs, ok} = timer:tc(fun() -> ok = mnesia:start(), mnesia:wait_for_tables([rows], infinity) end),
    Records = mnesia:table_info(rows, size),
    {ok, Version} = application:get_key(mnesia, vsn),
    io:format("{\"otp\":\"~s\",\"mnesia\":\"~s\",\"load_ms\":~.1f,\"writes\":~.1f}~n",
              [erlang:system_info(otp_release), Version, LoadUs / 1000, Writes]).

key(N) -> iolist_to_binary(io_lib:format("key:~12..0b", [N])).

value(N) -> iolist_to_binary(io_lib:format("~40..0b", [N])).

%% Writes a second of Processes processes over keys that exist, until the time is over.
rate(DurationMs, Records, Processes) ->
    Keys = list_to_tuple([key(N) || N <- lists:seq(0, min(Records, 100000) - 1)]),
    Value = value(7),
    Parent = self(),
    Started = erlang:monotonic_time(),
    End = Started + erlang:convert_time_unit(DurationMs, millisecond, native),
    Workers = [spawn_monitor(fun() -> Parent ! {self(), repeat(Keys, Value, Number, End, 0)} end)
               || Number <- lists:seq(1, Processes)],
    Operations = ?BATCH * lists:sum([await(Worker) || Worker <- Workers]),
    Elapsed = erlang:convert_time_unit(erlang:monotonic_time() - Started, native, microsecond),
    Operations * 1000000 / Elapsed.

repeat(Keys, Value, State, End, Count) ->
    case erlang:monotonic_time() < End of
        true -> repeat(Keys, Value, batch(Keys, Value, State, ?BATCH), End, Count + 1);
        false -> Count
    end.

batch(_Keys, _Value, State, 0) -> State;
batch(Keys, Value, State, N) ->
    ok = mnesia:dirty_write({rows, element((State bsr 8) rem tuple_size(Keys) + 1, Keys), Value}),
    batch(Keys, Value, (State * 69069 + 1) band 16#ffffffff, N - 1).

await({Pid, Monitor}) ->
    receive
        {Pid, Count} -> erlang:demonitor(Monitor, [flush]), Count;
        {'DOWN', Monitor, process, Pid, Reason} -> exit(Reason)
    end.
