"""A server process on the fake engine, for tests that need signals and exit codes.

python -m tests.server.fake_server STEP_SECONDS GRACE_SECONDS [hang]
"""

import sys
import threading

from orchestrator import OrchestratorSettings
from server import ServerSettings
from server.serving import ENGINE_LOST, SpeechServer, address_of, open_socket, run_in_background
from tests.fakes import EngineCall, FakeEngine
from tests.server.harness import Stack


def main() -> int:
    engine = FakeEngine()
    engine.delays = {"step": float(sys.argv[1])}
    settings = ServerSettings(port=0, grace_s=int(sys.argv[2]))
    servers: list[SpeechServer] = []
    stack = Stack(
        engine=engine,
        settings=settings,
        orchestration=OrchestratorSettings(chunk_samples=2400, hang_after_s=1.0),
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
    return servers[0].run_on(listener)


def hang_in_step(call: EngineCall) -> None:
    if call.verb == "step" and call.rows and call.rows[0][0] == 13:
        threading.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
