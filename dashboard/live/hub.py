"""Who gets what. One hub per process: it takes what Redis published and puts it into the queues of the clients that asked.

A message is framed once, and each client's share of a batch goes into its queue as one piece; a client's writer sends all that
waits in one call. Nothing here waits for a client: a queue that is full loses its oldest forming candles and tickers, then the
client (1013).

Runs on greenlets that switch only where they wait, so plain dicts and deques need no locks.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from dashboard.live import articles, protocol
from dashboard.live.protocol import NEWEST_ONLY, Key
from pipeline import metrics
from pipeline.clock import now_ms
from pipeline.live import Payload

#: CONTRACT §3: messages that may wait for one client.
QUEUE: Final = 256
#: Messages put into the queues before their writers get their turn: half a queue, so that a burst fills nobody's who reads.
SLICE: Final = QUEUE // 2
#: Subscriptions of one client; more is a mistake or an attack, `*` says the same in one.
MOST_SUBSCRIPTIONS: Final = 1024


class Piece:
    """What waits in queues: some messages of one channel, shared by all who get them. `at`: when the first of them, a trade, was made
    (Unix ms); 0 for what is no trade.
    """

    __slots__ = ("_frames", "at", "droppable", "messages")

    def __init__(self, messages: Sequence[bytes], droppable: bool = False, at: int = 0) -> None:
        self.messages = messages
        self.droppable = droppable
        self.at = at
        self._frames = b""

    def frames(self) -> bytes:
        """A frame each, joined: made once, for the first who needs it."""
        if not self._frames:
            self._frames = b"".join(map(protocol.frame, self.messages))
        return self._frames


class Client:
    """One connection's queue and subscriptions. `wake` is called when there is something to send, `hurry` when it is a lot.

    A `batched` one gets all that waits as one array in one frame: a browser pays a third of a millisecond for every frame,
    whatever is in it.
    """

    def __init__(
        self, wake: Callable[[], None], hurry: Callable[[], None] = lambda: None, batched: bool = False
    ) -> None:
        self._wake = wake
        self._hurry = hurry
        self.batched = batched
        self.queue: deque[Piece] = deque()
        self.waiting = 0  # messages in the queue
        self.overflowed = False
        self.delivered = 0
        #: When the oldest trade that was taken last was made, Unix ms; 0 for none.
        self.taken_at = 0
        self.subscriptions: dict[Key, dict[str, str]] = {}
        #: Channel → (epoch, seq): newer ones only are for this client; older ones it was already given.
        self.floors: dict[str, tuple[str, int]] = {}
        #: Channel whose subscription is being answered → (epoch, seq) of the newest message passed over meanwhile.
        self.passed: dict[str, tuple[str, int]] = {}
        #: What each of its news subscriptions was given already.
        self.news: dict[Key, articles.Share] = {}

    def put(self, piece: Piece) -> None:
        if self.overflowed:
            return
        self.queue.append(piece)
        self.waiting += len(piece.messages)
        if self.waiting > QUEUE:
            self._make_room()
        self._wake()
        if self.waiting >= SLICE:
            self._hurry()

    def _make_room(self) -> None:
        kept: deque[Piece] = deque()
        for piece in self.queue:
            if piece.droppable and self.waiting > QUEUE:
                self.waiting -= len(piece.messages)
                metrics.DROPPED.add(len(piece.messages))
            else:
                kept.append(piece)
        self.queue = kept
        if self.waiting > QUEUE:
            self.overflowed = True
            self.queue.clear()
            self.waiting = 0

    def take(self) -> bytes:
        """All that waits, to be sent in one call."""
        if self.batched:
            frames = protocol.frame(b"[" + b",".join([one for piece in self.queue for one in piece.messages]) + b"]")
        else:
            frames = b"".join([piece.frames() for piece in self.queue])
        self.delivered += self.waiting
        self.taken_at = self.queue[0].at if self.queue else 0
        self.queue.clear()
        self.waiting = 0
        return frames


class Hub:
    def __init__(self, pause: Callable[[], None]) -> None:
        """`pause` lets the writers run."""
        self._pause = pause
        self._clients: set[Client] = set()
        self._index: dict[Key, dict[Client, bool]] = {}  # → whether forming ones are wanted
        self._broadcast = 0
        self._delivered_by_gone = 0
        self._connections = 0
        self._last_broadcast = 0
        self._queued = 0  # messages since the writers had their turn
        #: (epoch, seq) of the newest article that came by.
        self.newest_news = ("", 0)

    # -- clients -----------------------------------------------------------------------------------------------------

    def join(self, client: Client) -> None:
        self._clients.add(client)
        self._connections += 1

    def leave(self, client: Client) -> None:
        self._clients.discard(client)
        self._delivered_by_gone += client.delivered
        for key in list(client.subscriptions):
            self.unsubscribe(client, key)

    def may_subscribe(self, client: Client, key: Key) -> bool:
        """False when the client has too many already."""
        return key in client.subscriptions or len(client.subscriptions) < MOST_SUBSCRIPTIONS

    def subscribe(self, client: Client, key: Key, echo: dict[str, str], forming: bool) -> None:
        client.subscriptions[key] = echo
        self._index.setdefault(key, {})[client] = forming

    def receives(self, client: Client, channel: str) -> bool:
        """Whether one of the client's subscriptions covers the channel already."""
        return any(key in client.subscriptions for key in _keys(channel))

    def unsubscribe(self, client: Client, key: Key) -> None:
        client.subscriptions.pop(key, None)
        client.news.pop(key, None)
        clients = self._index.get(key)
        if clients is not None:
            clients.pop(client, None)
            if not clients:
                del self._index[key]

    def stats(self) -> dict[str, int]:
        """CONTRACT §3 `/ws/stats`."""
        return {
            "total_connections": self._connections,
            "active_connections": len(self._clients),
            "messages_broadcast": self._broadcast,
            "messages_delivered": self._delivered_by_gone + sum(client.delivered for client in self._clients),
            "last_broadcast_time": self._last_broadcast,
        }

    # -- messages ----------------------------------------------------------------------------------------------------

    def wanted(self, channel: str) -> bool:
        """Whether anybody here would get what is published there."""
        # Of news always: it is rare, and a new subscription must know what passed by while it was answered.
        return channel == articles.CHANNEL or any(key in self._index for key in _keys(channel))

    def publish(self, channel: str, payload: Payload) -> None:
        """Frame what one Redis publish held and queue it for everybody who asked for it."""
        if channel == articles.CHANNEL:
            self._publish_news(payload)
            return
        self._make_way(min(SLICE, len(payload.messages)))
        recipients = self._recipients(channel, payload.forming)
        if not recipients:
            return
        type_ = channel.partition("|")[0]
        droppable = payload.forming or type_ in NEWEST_ONLY
        for start in range(0, len(payload.messages), SLICE):
            if start:
                self._make_way(min(SLICE, len(payload.messages) - start))
            now = self._last_broadcast = now_ms()
            first = payload.first_seq + start
            # A forming candle carries the newest seq of its channel, and counts nothing up.
            messages = [
                protocol.message(type_, data, now, payload.first_seq if payload.forming else first + i)
                for i, data in enumerate(payload.messages[start : start + SLICE])
            ]
            self._broadcast += len(messages)
            piece = _piece(type_, messages, droppable)
            for client in recipients:
                if channel in client.passed and not payload.forming:
                    client.passed[channel] = (payload.epoch, first + len(messages) - 1)
                    continue
                floor = client.floors.get(channel)
                if floor is None or payload.forming:
                    client.put(piece)
                else:
                    self._above(client, channel, floor, payload.epoch, first, messages, droppable)

    def _publish_news(self, payload: Payload) -> None:
        """Each article goes to its own readers."""
        keys = [key for key in self._index if key.type == "news"]
        for n, data in enumerate(payload.messages):
            self._make_way(1)
            seq = payload.first_seq + n
            self.newest_news = (payload.epoch, seq)
            named = articles.coins(data) if keys else frozenset()
            readers = {
                client
                for key in keys
                if articles.matches(key, named)
                for client in self._index.get(key, {})
                if key not in client.news or client.news[key].live(payload.epoch, seq)
            }
            if not readers:
                continue
            now = self._last_broadcast = now_ms()
            self._broadcast += 1
            piece = Piece([protocol.message("news", data, now, seq)])
            for client in readers:
                client.put(piece)

    def _make_way(self, count: int) -> None:
        """Let the writers run before `count` more would be over half a queue. What many channels bring at once is one burst to a
        client that hears all of them."""
        if self._queued + count > SLICE:
            self._pause()
            self._queued = 0
        self._queued += count

    def _above(
        self,
        client: Client,
        channel: str,
        floor: tuple[str, int],
        epoch: str,
        first_seq: int,
        messages: list[bytes],
        droppable: bool,
    ) -> None:
        """Leave out what the client was given when it subscribed."""
        epoch_given, seq_given = floor
        new = messages if epoch != epoch_given else messages[max(0, seq_given + 1 - first_seq) :]
        if new:
            # Redis publishes in order: nothing older comes any more.
            del client.floors[channel]
            client.put(_piece(channel.partition("|")[0], new, droppable))

    def _recipients(self, channel: str, forming: bool) -> Iterable[Client]:
        found: set[Client] = set()
        for key in _keys(channel):
            for client, wants_forming in self._index.get(key, {}).items():
                if wants_forming or not forming:
                    found.add(client)
        return found


def _piece(type_: str, messages: Sequence[bytes], droppable: bool) -> Piece:
    return Piece(messages, droppable, protocol.traded(messages[0]) if type_ == "trade" else 0)


def _keys(channel: str) -> tuple[Key, ...]:
    """The subscriptions that a channel's messages answer."""
    type_, symbol, timeframe = channel.split("|")
    if type_ == "alert":
        # There the owner stands in the place of the timeframe: whatever is asked for, it is never everybody's.
        return (Key(type_, symbol, timeframe), Key(type_, "", timeframe))
    return (
        Key(type_, symbol, timeframe),
        Key(type_, symbol, ""),
        Key(type_, "", timeframe),
        Key(type_, "", ""),
    )
