package sim

import "sync"

// queuedEdges bounds how many edges of one line wait for a handler that does
// not return, as the kernel bounds its queue. Beyond it the oldest pair goes,
// so that what is left still alternates and ends with the level that holds.
const queuedEdges = 64

type edge struct {
	in     *Input
	active bool
}

// eventQueue calls the input handlers from one goroutine, outside the board's
// lock, so that a handler may call the board.
type eventQueue struct {
	mu    *sync.Mutex // the board's
	wake  *sync.Cond
	edges []edge
	quit  bool
	done  chan struct{}
}

func (q *eventQueue) start(mu *sync.Mutex) {
	q.mu, q.wake, q.done = mu, sync.NewCond(mu), make(chan struct{})
	go q.run()
}

// stop ends the goroutine and waits for it. The board's lock is not held.
func (q *eventQueue) stop() {
	q.mu.Lock()
	q.quit = true
	q.wake.Broadcast()
	q.mu.Unlock()
	<-q.done
}

// put queues an edge. The board's lock is held.
func (q *eventQueue) put(in *Input, active bool) {
	if in.waiting >= queuedEdges {
		q.dropOldestPair(in)
	}
	in.waiting++
	q.edges = append(q.edges, edge{in, active})
	q.wake.Signal()
}

func (q *eventQueue) dropOldestPair(in *Input) {
	kept, dropped := q.edges[:0], 0
	for _, e := range q.edges {
		if e.in == in && dropped < 2 {
			dropped++
			continue
		}
		kept = append(kept, e)
	}
	q.edges = kept
	in.waiting -= dropped
}

func (q *eventQueue) run() {
	defer close(q.done)
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		for len(q.edges) == 0 && !q.quit {
			q.wake.Wait()
		}
		if q.quit {
			return
		}
		e := q.edges[0]
		q.edges = q.edges[:copy(q.edges, q.edges[1:])]
		e.in.waiting--
		if e.in.closed {
			continue
		}
		q.mu.Unlock()
		e.in.on(e.active)
		q.mu.Lock()
	}
}
