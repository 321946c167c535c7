"""Every request that lives and every stream that can still be read."""

from __future__ import annotations

import threading

from inference_types import ConflictError, NotFoundError
from orchestrator.job import RequestJob
from orchestrator.settings import OrchestratorSettings
from orchestrator.stream import Clock, RequestStream


class StreamRegistry:
    """Live jobs by id, and their streams for `log_retention_s` after the end (thread-safe)."""

    def __init__(self, settings: OrchestratorSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._jobs: dict[str, RequestJob] = {}
        self._streams: dict[str, RequestStream] = {}

    def __len__(self) -> int:
        return len(self._streams)

    @property
    def num_bytes(self) -> int:
        """PCM bytes in all logs."""
        return sum(stream.log.num_bytes for stream in self._held())

    def get(self, request_id: str) -> RequestStream:
        """Raises NotFoundError for a stream that never was or is no longer kept."""
        with self._lock:
            stream = self._streams.get(request_id)
        if stream is None:
            raise NotFoundError("There is no such stream, or it is no longer kept.")
        return stream

    def open(self, job: RequestJob) -> None:
        """Raises ConflictError while a stream of that id is held."""
        request_id = job.request.request_id
        with self._lock:
            if request_id in self._streams:
                raise ConflictError("A request of this id exists already.", field="request_id")
            self._jobs[request_id] = job
            self._streams[request_id] = job.stream

    def close(self, request_id: str) -> RequestJob | None:
        """The stream ended: its job (once), while the stream stays readable."""
        with self._lock:
            return self._jobs.pop(request_id, None)

    def forget(self, request_id: str) -> None:
        with self._lock:
            self._streams.pop(request_id, None)

    def live_jobs(self) -> list[RequestJob]:
        with self._lock:
            return list(self._jobs.values())

    def sweep(self) -> None:
        """Drop what is old or too much: ended streams first, then the read heads of live ones."""
        now_s = self._clock()
        ended = [stream for stream in self._held() if stream.is_ended]
        ended.sort(key=lambda stream: stream.log.ended_at_s or 0.0)
        excess = self.num_bytes - self._settings.log_bytes_total
        for stream in ended:
            if excess > 0 or self._is_expired(stream, now_s):
                excess -= stream.log.num_bytes
                self.forget(stream.request_id)
        if excess > 0:
            fair_share = self._settings.log_bytes_total // max(1, len(self))
            for stream in self._held():
                stream.log.trim(fair_share)

    def _is_expired(self, stream: RequestStream, now_s: float) -> bool:
        last_use_s = max(stream.log.ended_at_s or 0.0, stream.unattended_since_s)
        return stream.num_readers == 0 and now_s - last_use_s > self._settings.log_retention_s

    def _held(self) -> list[RequestStream]:
        with self._lock:
            return list(self._streams.values())
