package sim

import (
	"slices"
	"sync"
)

// maxEdges bounds how many edges of one line wait for a handler that does not
// return, as the kernel bounds its queue. Beyond it the oldest two go, so that
// what is left still alternates and ends with the present level.
const maxEdges = 64

type edge struct {
	in     *Input
	active bool
}

// edgeQueue calls the input handlers from one goroutine, outside the board's
// lock, so that a handler may call the board.
type edgeQueue struct {
	mu    *sync.Mutex // the board's
	wake  *sync.Cond
	edges []edge
	quit  bool
	done  chan struct{}
}

func newEdgeQueue(mu *sync.Mutex) *edgeQueue {
	q := &edgeQueue{mu: mu, wake: sync.NewCond(mu), done: make(chan struct{})}
	go q.run()
	return q
}

// stop ends the goroutine and waits for it. The board's lock is not held.
func (q *edgeQueue) stop() {
	q.mu.Lock()
	q.quit = true
	q.wake.Broadcast()
	q.mu.Unlock()
	<-q.done
}

// put queues an edge. The board's lock is held.
func (q *edgeQueue) put(in *Input, active bool) {
	if in.waiting >= maxEdges {
		for range 2 {
			q.take(slices.IndexFunc(q.edges, func(e edge) bool { return e.in == in }))
		}
	}
	in.waiting++
	q.edges = append(q.edges, edge{in, active})
	q.wake.Signal()
}

// take removes the edge at i from the queue.
func (q *edgeQueue) take(i int) edge {
	e := q.edges[i]
	q.edges = slices.Delete(q.edges, i, i+1)
	e.in.waiting--
	return e
}

func (q *edgeQueue) run() {
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
		e := q.take(0)
		if e.in.closed {
			continue
		}
		q.mu.Unlock()
		e.in.on(e.active)
		q.mu.Lock()
	}
}
