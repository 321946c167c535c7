"""A server process on the fake engine, for tests that need signals and exit codes.

python -m tests.server.fake_server STEP_SECONDS GRACE_SECONDS [hang | compile]

`hang`: steps of seed 13 never return. `compile`: the warm-up never ends, as in a long compilation.
"""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

from orchestrator import OrchestratorSettings
from server import ServerSettings
from server.serving import (
    ENGINE_LOST,
    SpeechServer,
    address_of,
    exit_process,
    open_socket,
    run_in_background,
)
from tests.fakes import EngineCall, FakeEngine
from tests.server.harness import Stack


class CompilingEngine(FakeEngine):
    """Waits for a worker that the interpreter's exit would wait for, too."""

    def warm_up(self) -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(threading.Event().wait).result()


def main() -> NoReturn:
    engine = CompilingEngine() if "compile" in sys.argv else FakeEngine()
    engine.delays = {"step": float(sys.argv[1])}
    settings = ServerSettings(port=0, grace_s=int(sys.argv[2]))
    servers: list[SpeechServer] = []
    stack = Stack(
        engine=engine,
        settings=settings,
        orchestration=OrchestratorSettings(
            chunk_samples=2400, hang_after_s=1.0, stop_timeout_s=1.0
        ),
        on_fatal=lambda reason: servers[0].fail(ENGINE_LOST),
        lifespan=run_in_background,
    )
    if "hang" in sys.argv:
        engine.on_call = hang_in_step
    listener = open_socket("127.0.0.1", 0)
    address = address_of(listener)
    servers.append(
        SpeechServer(
            stack.app, settings, stack.orchestrator, lambda: print(f"ready {address}", flush=True)
        )
    )
    if "compile" in sys.argv:
        print(f"compiling {address}", flush=True)
    exit_process(stack.orchestrator, servers[0].run_on(listener))


def hang_in_step(call: EngineCall) -> None:
    if call.verb == "step" and call.rows and call.rows[0][0] == 13:
        threading.Event().wait()


if __name__ == "__main__":
    main()
