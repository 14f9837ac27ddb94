%% Processes: calls, casts, spawning, memory and restarts. Prints one line of JSON.
-module(mnemon_bench_otp).
-behaviour(gen_server).
-export([main/2, init/1, handle_call/3, handle_cast/2]).

%% Operations between two looks at the clock.
-define(BATCH, 1000).
-define(RESTARTS, 2000).

main(DurationMs, Processes) ->
    {ok, Echo} = gen_server:start(?MODULE, echo, []),
    Calls1 = rate(DurationMs, 1, fun() -> calls(Echo, ?BATCH) end),
    Calls8 = rate(DurationMs, 8, fun() -> calls(Echo, ?BATCH) end),
    %% A call at the end of each batch: the server has taken all casts before it.
    Casts = rate(DurationMs, 1, fun() -> casts(Echo, ?BATCH), gen_server:call(Echo, 1) end),
    Spawns = rate(DurationMs, 1, fun() -> spawns(?BATCH) end),
    Restart = restarts(),
    {Live, Bytes} = memory(Processes),
    io:format("{\"otp\":\"~s\",\"calls_1\":~.1f,\"calls_8\":~.1f,\"casts\":~.1f,\"spawns\":~.1f,"
              "\"restart_us\":~.3f,\"live\":~w,\"process_bytes\":~.1f}~n",
              [erlang:system_info(otp_release), Calls1, Calls8, Casts, Spawns, Restart, Live, Bytes]).

init(echo) -> {ok, 0};
init({tell, Whom}) -> Whom ! {ready, self(), erlang:monotonic_time()}, {ok, 0};
init({supervisor, Whom}) ->
    Child = #{id => child, start => {gen_server, start_link, [?MODULE, {tell, Whom}, []]}},
    {ok, {#{strategy => one_for_one, intensity => 1000000, period => 1}, [Child]}}.

handle_call(N, _From, Sum) -> {reply, N + Sum, Sum}.
handle_cast(_N, Sum) -> {noreply, Sum}.

calls(_Server, 0) -> ok;
calls(Server, N) -> gen_server:call(Server, N), calls(Server, N - 1).

casts(_Server, 0) -> ok;
casts(Server, N) -> gen_server:cast(Server, N), casts(Server, N - 1).

spawns(0) -> ok;
spawns(N) ->
    {Pid, Monitor} = spawn_monitor(fun() -> ok end),
    receive {'DOWN', Monitor, process, Pid, normal} -> ok end,
    spawns(N - 1).

%% Microseconds from the crash of a child to the init of the next one, at the median.
restarts() ->
    Me = self(),
    {ok, _} = supervisor:start_link(?MODULE, {supervisor, Me}),
    Times = lists:sort(restarts(?RESTARTS, [])),
    erlang:convert_time_unit(lists:nth(?RESTARTS div 2, Times), native, nanosecond) / 1000.

restarts(0, Times) -> Times;
restarts(N, Times) ->
    Pid = receive {ready, First, _} -> First end,
    Before = erlang:monotonic_time(),
    exit(Pid, kill),
    receive {ready, Next, At} -> self() ! {ready, Next, At}, restarts(N - 1, [At - Before | Times]) end.

%% Bytes a process that waits, and how many of them live at once.
memory(Processes) ->
    erlang:garbage_collect(),
    Before = erlang:memory(total),
    Servers = [begin {ok, Pid} = gen_server:start(?MODULE, echo, []), Pid end || _ <- lists:seq(1, Processes)],
    Live = length([Pid || Pid <- Servers, is_process_alive(Pid)]),
    {Live, (erlang:memory(total) - Before) / Processes}.

%% Operations a second of Callers processes that repeat Batch until the time is over.
rate(DurationMs, Callers, Batch) ->
    Parent = self(),
    Started = erlang:monotonic_time(),
    End = Started + erlang:convert_time_unit(DurationMs, millisecond, native),
    Workers = [spawn_monitor(fun() -> Parent ! {self(), repeat(Batch, End, 0)} end) || _ <- lists:seq(1, Callers)],
    Batches = lists:sum([await(Worker) || Worker <- Workers]),
    Elapsed = erlang:convert_time_unit(erlang:monotonic_time() - Started, native, microsecond),
    Batches * ?BATCH * 1000000 / Elapsed.

repeat(Batch, End, Count) ->
    case erlang:monotonic_time() < End of
        true -> Batch(), repeat(Batch, End, Count + 1);
        false -> Count
    end.

await({Pid, Monitor}) ->
    receive
        {Pid, Count} -> erlang:demonitor(Monitor, [flush]), Count;
        {'DOWN', Monitor, process, Pid, Reason} -> exit(Reason)
    end.
