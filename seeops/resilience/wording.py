"""Sentences of experiment files and of their runner, for the catalogues (read by core.sentences)."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

TITLES = (
    _("The remote data centre is lost"),
    _("Customers send twice the usual rate"),
    _("Other work takes the processors of the queries"),
    _("Pre-trade risk answers slowly on a part of its nodes"),
    _("A tenth of the session nodes answers with errors"),
    _("Order processing loses a fifth of its nodes"),
    _("Quote push leaks memory until it is killed"),
    _("A replica's clock jumps an hour ahead"),
    _("A replica's disk is slow"),
    _("The remote centre's replica is cut off"),
    _("A matching shard loses its primary"),
    _("A matching shard's primary hangs and comes back"),
)

DESCRIPTIONS = (
    _("Every connection to WH-A is closed for three quarters of a minute. Its customers go to the other centres; both shards keep their majority."),
    _("Every chain gets twice its usual rate for half a minute. All of it must be served."),
    _("Nine tenths of the processor of a third of the query nodes in SZ-B are taken by other work on the host. Queries get slower, none may fail."),
    _("Each answer of a quarter of the pre-trade risk nodes in SZ-A takes 60 ms longer. Orders get slower, none may fail."),
    _("Half of the requests on a tenth of the session nodes in SZ-B fail. Retries on other nodes must hide it from customers."),
    _("kill -9 of a fifth of the cash equity order processing nodes in SZ-A. Their redundancy must carry the orders; customers must not notice."),
    _("Memory of five per cent of the quote push nodes in SZ-A grows by 14 MiB a second until the limit kills them; they start again. The growth must be seen before that."),
    _("The clock of one follower of shard 0 jumps ahead by an hour. Leases are kept on the monotonic clock, so nothing may happen."),
    _("Each write of one follower of shard 0 takes 200 ms longer. Two of three centres stay fast, so customers must not notice."),
    _("The replica of shard 1 in WH-A can neither send to nor hear the others. Two of three centres go on; it must catch up afterwards."),
    _("kill -9 of the replica that leads shard 0, under load; it stays dead for half a minute. Another centre takes over; no acknowledged order may be lost, none executed twice."),
    _("The replica that leads shard 1 is stopped for half a minute, far longer than its lease, then continues. It must find itself deposed and must not acknowledge anything any more."),
)  # fmt: skip

STEPS = (
    _("Customers are served"),
    _("No acknowledged order is lost"),
    _("No order is executed twice"),
    _("No order waits long for its answer"),
    _("Every shard has a leader"),
    _("Replicas agree"),
    _("Cash equity orders are answered within a second at p99"),
    _("Customers are served, nothing is lost, nothing happens twice"),
    _("Lose WH-A"),
    _("Double the rate of all customers"),
    _("Take the processors of a third of the query nodes in SZ-B"),
    _("Delay a quarter of pre-trade risk in SZ-A"),
    _("Let a tenth of the session nodes in SZ-B fail half of their requests"),
    _("Kill a fifth of order processing in SZ-A"),
    _("Let five per cent of quote push in SZ-A leak"),
    _("Let the clock of a follower of shard 0 jump an hour ahead"),
    _("Slow the disk of a follower of shard 0"),
    _("Cut the replica of shard 1 in WH-A off"),
    _("kill -9 the primary of shard 0"),
    _("Stop the primary of shard 1 for half a minute"),
    _("Remove every fault of this run"),
)

RUNNER = (
    _("before the fault: %(missed)s"),
    _("stopped before its end"),
    _("the steady state was not measured during the fault"),
    _("the steady state was not measured after the fault"),
    _("the experiment ended as %(status)s"),
    _("no fault was injected"),
    _("the runner died without a result"),
    _("clearing: %(problem)s"),
)

# What the functions of the extension say of themselves.
FUNCTIONS = (
    _("Remove every fault that this run injected, in centres, replicas and load, and continue processes that are paused or\nkept down.\n\nCan be repeated. A process that is only coming back is waited for. Raises ActivityFailed, naming the place, when one\ncould not be reached: its leases then end by themselves."),
    _("Inject a fault of the catalogue into a whole data centre (centre-loss, centre-partition, centre-delay, centre-drop)."),
    _("Change what the customers do (surge: many times the usual rate)."),
    _("Inject a fault of the catalogue into nodes of one centre: the named ones, or a fraction (0 … 1) of a service's."),
    _("Inject a fault into one replica of a shard: the one in `centre`, or the present primary or a follower (`role`)."),
    _("kill -9 a process of the cluster (`centre-SZ-B`, `shard-0-SZ-A`, `load`); its supervisor starts it again, at the\nearliest after `hold_s` seconds."),
    _("kill -9 the replica that leads a shard at this moment, and keep it dead for `hold_s` seconds."),
    _("SIGSTOP the replica that leads a shard; it continues by itself after the lease, and must find itself deposed."),
    _("The worst p99 in milliseconds that customers of a chain saw lately."),
    _("Share of requests that ended well for the customer (a rejection by rule is an answer): of one chain, or of the kind\nof request (orders, all others) that fared worse. While the market is closed nobody sends orders; then others decide."),
    _("Orders executed twice, counted since the load began."),
    _("How often the gateway found a gap in the sequence of a shard's events, counted since this was first asked."),
    _("How many shards have no leader now."),
    _("The longest that orders without an answer had been waiting, in seconds, as seen lately."),
    _("Acknowledged orders that the shards do not know, counted since the load began."),
    _("How many nodes of a service serve in a centre."),
    _("How many shards have replicas whose state hashes differ after the same commands.\n\nReplicas are never at the same command when asked one after the other, so the hashes of their last checkpoints count as\nwell, and the differences that the replicas noticed among themselves."),
)  # fmt: skip

FAMILIES = (
    _("centre"),
    _("traffic"),
    _("cpu"),
    _("network"),
    _("dependency"),
    _("process"),
    _("memory"),
    _("clock"),
    _("disk"),
    _("replication"),
)
