"""Small services that follow the pattern, each in a way that makes it hard to ask after a run what became of what."""

import itertools
import secrets
import time
from dataclasses import dataclass, field

from aiohttp import web
from threaded_service import ThreadedService

WORK_S = 0.1
DESCRIPTION = """
[start]
path = "/jobs"
headers = { X-Tenant = "load" }
body = { title = "{token}" }
[status]
headers = { X-Tenant = "load" }
state = "/state"
succeeded = ["done"]
output = "/output"
"""


@dataclass
class Job:
    """An operation of a service."""

    number: str
    title: str
    name: str = field(default_factory=secrets.token_hex)
    """What hides its number in a URL."""
    began: float = field(default_factory=time.monotonic)
    reads_of_end: int = 0

    @property
    def is_done(self):
        return time.monotonic() - self.began >= WORK_S

    def state(self):
        """Return the body of its status."""
        if not self.is_done:
            return {"state": "working"}
        self.reads_of_end += 1
        return {"state": "done", "output": {"title": self.title}}


class OddService(ThreadedService):
    """Serves on a free port, from a thread of its own; each kind has its own answers."""

    description = DESCRIPTION

    def __init__(self):
        self.jobs, self.without_tenant = {}, 0
        self._numbers = itertools.count(1)
        super().__init__()

    def add_routes(self, router):
        router.add_get("/", self._root)
        router.add_post("/jobs", self._start)
        router.add_get("/{rest:.*}", self._get)

    async def _root(self, _request):
        return web.Response(text="here")

    async def _start(self, request):
        job = Job(str(next(self._numbers)), (await request.json())["title"])
        self.jobs[self.key(job)] = job
        return self.started(job)

    async def _get(self, request):
        if request.path.startswith("/admin/"):
            raise web.HTTPNotFound  # The generator asks each service whether it is one of ours.
        self.without_tenant += request.headers.get("X-Tenant") != "load"
        return self.status(request)

    def key(self, job):
        """What its URL has of a job."""
        return job.number

    def started(self, job):
        """Answer a start."""
        return web.json_response({"id": job.number}, status=202, headers={"Location": f"/jobs/{self.key(job)}"})

    def status(self, request):
        """Answer a poll."""
        job = self.jobs[request.path.rpartition("/")[2]]
        return self.end(job) if job.reads_of_end else web.json_response(job.state())

    def end(self, job):
        """Answer a poll of a job that was seen to be done."""
        return web.json_response(job.state())


class Opaque(OddService):
    """Its status URLs do not show the id."""

    def key(self, job):
        return job.name


class Bare(Opaque):
    """It answers 202 with nothing but a Location."""

    def started(self, job):
        return web.Response(status=202, headers={"Location": f"/jobs/{job.name}"})


class InTheQuery(OddService):
    """Its status URLs have the id in the query, and the same digits in the path."""

    def started(self, job):
        location = f"/v1/jobs?job={job.number}&v=1"
        return web.json_response({"id": int(job.number)}, status=202, headers={"Location": location})

    def status(self, request):
        return web.json_response(self.jobs[request.query["job"]].state())


class Moved(OddService):
    """Its status URLs redirect to others that hide the id."""

    def status(self, request):
        place, _, key = request.path.strip("/").rpartition("/")
        if place == "jobs":
            raise web.HTTPTemporaryRedirect(f"/moved/again/{key}")
        if place == "moved/again":
            raise web.HTTPFound(f"/real/{key}")
        return super().status(request)


class Elsewhere(OddService):
    """Its last answer leads to the result elsewhere."""

    description = DESCRIPTION + 'result = [303]\ntoken = "/title"\n'

    def status(self, request):
        place, _, key = request.path.strip("/").rpartition("/")
        job = self.jobs[key]
        if place == "results":
            return web.json_response({"title": job.title})
        if job.is_done:
            return web.Response(status=303, headers={"Location": f"/results/{key}"})
        return super().status(request)


class Echoing(OddService):
    """Its outputs have the token of their start."""

    description = DESCRIPTION + 'token = "/title"\n'


class Confusing(Echoing):
    """Its outputs are others' once they were seen."""

    def end(self, job):
        return web.json_response({"state": "done", "output": {"title": "of another job"}})


class Forgetting(OddService):
    """It does not know a job once its end was seen."""

    def end(self, job):
        raise web.HTTPNotFound


class Tidy(OddService):
    """Keeps no job once its end was seen."""

    def end(self, job):
        raise web.HTTPGone


class Refusing(OddService):
    """It shows no client the job again."""

    def end(self, job):
        raise web.HTTPForbidden


class Circling(OddService):
    """It leads in circles once the end was seen."""

    def end(self, job):
        raise web.HTTPFound(f"/jobs/{job.number}")


class Silent(OddService):
    """It breaks connections once the end was seen."""

    def status(self, request):
        job = self.jobs[request.path.rpartition("/")[2]]
        if job.reads_of_end:
            request.transport.abort()
        return web.json_response(job.state())


class FailingWithCode(OddService):
    """Answers 500 with the status of an operation that failed, as its description specifies."""

    description = DESCRIPTION + 'failed = ["error"]\nfailed_codes = [500]\n'

    def status(self, request):
        """Fail what is done."""
        job = self.jobs[request.path.rpartition("/")[2]]
        return web.json_response({"state": "error"}, status=500) if job.is_done else web.json_response(job.state())
