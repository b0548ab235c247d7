"""The messaging laws of Linli: rows are the truth, messages are wake-ups.

routes        who hears what, in one table
tables        inbox, outbox, dead_letters: the three tables every service has
transaction   the only place that commits: state change + outbox rows together
subscriber    batch consumer on plain pika; acks after commit, on the channel they came from
frame         decode, validate, claim inbox, handlers, outbox, commit; bisects poison
relay         the only publisher: outbox rows to the broker, deleted on confirm
publisher     pipelined confirms with the mandatory flag
tasks         dramatiq on quorum queues; never a broker delay
clock_jobs    sweeps and reports, led by one worker of each service
dead_letters  park, list, replay
topology      exchanges, queues and bindings, declared and checked
worker        one process that hosts all of these for a service
"""
