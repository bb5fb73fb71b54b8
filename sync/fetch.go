package sync

import (
	"errors"
	"slices"
	"time"

	"latchkey/sync/wire"
)

// Limits of chunks per fetch, and of fetches at once. They keep the link busy,
// with 1.3 MiB under way at 8 KiB a chunk. Large fetches need fewer signatures,
// and brokers release and reallocate their queues less often. But a message is
// in memory more than twice while it arrives, chunkLimit bounds what waits for a
// slow disk, and a controller queues eight messages of a reader. A new connection
// starts with small fetches, doubled with each reply, so that one that keeps
// breaking still makes progress.
const (
	chunksFirst    = 4
	chunksPerFetch = 56
	chunkFetches   = 3
	chunkLimit     = chunksPerFetch * (chunkFetches + 1)
)

// Waits for the answer to a fetch, and before it is repeated.
const (
	answerWithin = 10 * time.Second
	askAgainMost = 2 * time.Minute
)

// ask is what a fetch asks for.
type ask uint8

const (
	askLog    ask = iota // deltas or a manifest: one at a time
	askChunks            //
	asks
)

// fetches are the open fetches, and the times of the next ones.
type fetches struct {
	number uint64 // of the newest in this connection
	open   []fetch
	tries  [asks]int
	again  [asks]time.Duration // not before; 0: at once
	busy   []uint32            // buffer of wantedChunks
	proved int                 // the most chunks that came in one reply
}

// fetch is a fetch without an answer so far.
type fetch struct {
	number   uint64
	about    ask
	of       wire.Position
	want     wire.Want
	chunks   []uint32
	deadline time.Duration
}

// reset drops the fetches of a link that is no longer up.
func (f *fetches) reset() { *f = fetches{number: f.number} }

// went resets the wait after a useful answer.
func (f *fetches) went(about ask) { f.tries[about], f.again[about] = 0, 0 }

// later delays the next fetch.
func (l *Link) later(about ask) {
	f := &l.fetches
	f.again[about] = l.now + l.o.backoff(f.tries[about], answerWithin, askAgainMost)
	f.tries[about]++
}

// takeReply accepts the answer to an open fetch.
func (l *Link) takeReply(b []byte) error {
	r, err := wire.ParseReply(b)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(l.fetches.open, func(f fetch) bool { return f.number == r.Number })
	if i < 0 {
		return errors.New("answers nothing that was asked")
	}
	asked := l.fetches.open[i]
	switch {
	case len(r.Deltas) > 0 && asked.want == wire.WantDeltas:
		err = l.takeDeltas(r.Deltas)
	case len(r.Manifest) > 0 && asked.about == askLog:
		err = l.takeManifest(r.Manifest)
	case len(r.Chunks) > 0 && asked.want == wire.WantChunks:
		err = l.takeChunks(asked, r.Chunks)
	case len(r.Deltas) > 0 || len(r.Manifest) > 0 || len(r.Chunks) > 0:
		err = errors.New("carries what was not asked for")
	default:
		l.log.short = true
		if asked.want != wire.WantDeltas {
			l.later(asked.about)
		}
	}
	l.fetches.open = slices.Delete(l.fetches.open, i, i+1)
	if err != nil {
		l.later(asked.about)
	}
	return err
}

// takeDeltas accepts deltas that were asked for. If none can be applied, a snapshot is
// needed.
func (l *Link) takeDeltas(deltas [][]byte) error {
	before := l.log.tip
	for _, signed := range deltas {
		if err := l.takeDelta(signed); err != nil {
			return err
		}
	}
	if l.log.tip == before && l.log.newest.Above(before) {
		l.log.short = true
		l.later(askLog)
	}
	return nil
}

// takeChunks accepts the chunks of a reply that were asked for.
func (l *Link) takeChunks(asked fetch, chunks []wire.ChunkPart) error {
	for _, c := range chunks {
		if !slices.Contains(asked.chunks, c.Index) {
			return errors.New("carries a chunk that was not asked for")
		}
	}
	l.fetches.proved = max(l.fetches.proved, len(chunks))
	l.log.chunks = append(l.log.chunks, PutChunks{asked.of, chunks})
	return nil
}

func (l *Link) settleFetches() {
	f := &l.fetches
	f.open = slices.DeleteFunc(f.open, func(open fetch) bool {
		if !l.over(open.deadline) {
			return false
		}
		l.later(open.about)
		return true
	})
	if !l.states.up || l.log.doing == doingResume {
		return
	}
	if want := l.want(); want != "" && l.may(askLog) && len(f.open) == f.about(askChunks) {
		l.fetch(fetch{about: askLog, want: want, of: l.log.tip})
	}
	for !l.log.short && f.about(askChunks) < chunkFetches {
		chunks := l.wantedChunks()
		if len(chunks) == 0 || !l.may(askChunks) {
			return
		}
		l.fetch(fetch{about: askChunks, want: wire.WantChunks, of: l.log.state.Missing, chunks: chunks})
	}
}

func (l *Link) may(about ask) bool {
	again := l.fetches.again[about]
	return again == 0 || l.over(again)
}

// about returns how many fetches of a kind are open.
func (f *fetches) about(about ask) (n int) {
	for _, open := range f.open {
		if open.about == about {
			n++
		}
	}
	return n
}

// want returns what to fetch next; "": nothing is missing, or it is being stored.
func (l *Link) want() wire.Want {
	g := &l.log
	if g.manifest != nil || g.doing == doingManifest || g.doing == doingDeltas || len(g.deltas) > 0 {
		return ""
	}
	s := g.state
	snapshot := s.Held.Epoch == 0 || s.Fault != nil && s.WantsSnapshot || g.forked != wire.Position{} || g.short ||
		g.newest.Epoch > s.Held.Epoch || l.over(g.snapshotAt)
	coming := !g.short && s.Missing == g.receiving && s.Missing.Epoch >= g.newest.Epoch && (len(s.Chunks) > 0 || s.Missing.Epoch > s.Held.Epoch)
	switch {
	case snapshot && coming:
		return ""
	case snapshot:
		return wire.WantSnapshot
	case g.newest.Above(g.tip):
		return wire.WantDeltas
	}
	return ""
}

// wantedChunks returns missing chunks that are neither asked for nor being stored.
func (l *Link) wantedChunks() (chunks []uint32) {
	busy := l.fetches.busy[:0]
	for _, open := range l.fetches.open {
		busy = append(busy, open.chunks...)
	}
	for _, put := range l.log.chunks {
		for _, c := range put.Chunks {
			busy = append(busy, c.Index)
		}
	}
	l.fetches.busy = busy
	slices.Sort(busy)
	most := min(max(chunksFirst, 2*l.fetches.proved), chunksPerFetch)
	for _, i := range l.log.state.Chunks {
		for len(busy) > 0 && busy[0] < uint32(i) {
			busy = busy[1:]
		}
		if len(busy) > 0 && busy[0] == uint32(i) {
			continue
		}
		if chunks = append(chunks, uint32(i)); len(chunks) == most {
			break
		}
	}
	return chunks
}

// fetch asks.
func (l *Link) fetch(f fetch) {
	l.fetches.number++
	f.number = l.fetches.number
	f.deadline = l.now + answerWithin
	message := &wire.Fetch{Reader: l.o.Reader, Connection: l.states.connection, Number: f.number, Want: f.want, Chunks: f.chunks}
	if f.of.Epoch != 0 {
		message.Position = &f.of
	}
	l.fetches.open = append(l.fetches.open, f)
	l.over(f.deadline)
	signed, err := l.sign(message)
	if l.keyless != nil {
		return
	}
	if err != nil {
		l.refuse(string(wire.OnFetch), err) // it is asked again when its time is over
		return
	}
	l.do(Publish{l.o.topic(wire.OnFetch), signed, false})
}
