%% Mnesia: a backup of ram_copies rows of 56 bytes, beside a process that writes them one by one and notes how long each
%% write takes. Prints one line of JSON.
-module(mnemon_bench_mnesia_backup).
-export([main/1]).

main(Rows) ->
    case application:load(mnesia) of
        ok -> measure(Rows);
        {error, _} -> io:format("{\"absent\":\"this Erlang has no mnesia\"}~n")
    end.

measure(Rows) ->
    ok = mnesia:start(),
    {atomic, ok} = mnesia:create_table(rows, [{ram_copies, [node()]}, {attributes, [key, value]}]),
    ok = mnesia:wait_for_tables([rows], 10000),
    [ok = mnesia:dirty_write(row(Key, Key)) || Key <- lists:seq(0, Rows - 1)],
    Writer = spawn_link(fun() -> write(Rows, 1, []) end),
    Started = erlang:monotonic_time(),
    %% What mnesia:backup/1 does, but with the rows of ram_copies: by itself it takes those of the last dump to disc.
    Options = [{name, bench}, {max, [schema, rows]}, {ram_overrides_dump, true}],
    {ok, bench, _} = mnesia:activate_checkpoint(Options),
    ok = mnesia:backup_checkpoint(bench, "mnemon_bench.bup"),
    ok = mnesia:deactivate_checkpoint(bench),
    Ended = erlang:monotonic_time(),
    Writer ! {stop, self()},
    Delays = receive {delays, Found} -> lists:sort(Found) end,
    Bytes = filelib:file_size("mnemon_bench.bup"),
    {ok, Version} = application:get_key(mnesia, vsn),
    Ms = erlang:convert_time_unit(Ended - Started, native, microsecond) / 1000,
    Count = length(Delays),
    At = fun(Share) -> lists:nth(max(1, min(Count, ceil(Count * Share))), Delays) / 1000 end,
    io:format("{\"otp\":\"~s\",\"mnesia\":\"~s\",\"backup_ms\":~.3f,\"bytes\":~b,\"writes\":~b,\"p50_us\":~.3f,"
              "\"p999_us\":~.3f,\"max_us\":~.3f}~n",
              [erlang:system_info(otp_release), Version, Ms, Bytes, Count, At(0.5), At(0.999), At(1.0)]).

row(Key, Value) ->
    {rows, list_to_binary(io_lib:format("key:~12..0b", [Key])), list_to_binary(io_lib:format("~40..0b", [Value]))}.

%% Delays in nanoseconds.
write(Rows, State, Delays) ->
    receive
        {stop, From} -> From ! {delays, Delays}
    after 0 ->
        Row = row((State bsr 8) rem Rows, State),
        Before = erlang:monotonic_time(),
        ok = mnesia:dirty_write(Row),
        Delay = erlang:convert_time_unit(erlang:monotonic_time() - Before, native, nanosecond),
        write(Rows, (State * 69069 + 1) band 16#ffffffff, [Delay | Delays])
    end.
