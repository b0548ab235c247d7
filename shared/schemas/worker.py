"""What every worker says about itself, for the operator's overview."""

from __future__ import annotations

from shared.schemas.fields import Choice, Depths, EventData, Moment, Text, Whole

SERVICE_REPORTED = "linli.service.reported.v1"

SERVICES = ("intake", "points", "partners", "notify")

_COUNT_MAX = 10**12


class ServiceReported(EventData):
    about = "一个工作进程的近况 / how one worker is doing"

    service = Choice("服务 / service", *SERVICES)
    process = Text("进程 / process, such as host:pid", 1, 128)
    outbox_pending = Whole("待发事件数 / events not yet sent", 0, _COUNT_MAX)
    outbox_oldest_at = Moment("最早的待发事件 / oldest event not yet sent", nullable=True)
    dead_letters = Whole("未处理的死信数 / open dead letters", 0, _COUNT_MAX)
    inbox_total = Whole("已收事件总数 / events heard so far", 0, _COUNT_MAX, nullable=True)
    queues = Depths("各队列的深度 / depth of each queue, by name", 64)
    reported_at = Moment("报告时间 / reported at")


SCHEMAS: dict[str, EventData] = {SERVICE_REPORTED: ServiceReported()}
