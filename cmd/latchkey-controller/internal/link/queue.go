package link

import (
	"context"
	"sync"
)

// A queue serves readers in turn, one item of each after the other: a reader with many
// items delays no other.
type queue[T any] struct {
	each  int // the most items of one reader
	most  int // the most readers that have items; 0: there is no bound, as they are the site's own
	ready chan struct{}

	mu      sync.Mutex
	waiting map[string][]T
	turns   []string // readers with items
}

func newQueue[T any](each int) *queue[T] {
	return &queue[T]{each: each, ready: make(chan struct{}, 1), waiting: map[string][]T{}}
}

// put adds an item of a reader; false: the reader has too many, or too many others have some, and nothing was added.
func (q *queue[T]) put(reader string, v T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	mine := q.waiting[reader]
	if len(mine) >= q.each || len(mine) == 0 && q.most > 0 && len(q.turns) >= q.most {
		return false
	}
	if len(mine) == 0 {
		q.turns = append(q.turns, reader)
	}
	q.waiting[reader] = append(mine, v)
	signal(q.ready)
	return true
}

// next takes the next item; false: there is none.
func (q *queue[T]) next() (v T, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.turns) == 0 {
		return v, false
	}
	reader := q.turns[0]
	q.turns = q.turns[1:]
	mine := q.waiting[reader]
	v = mine[0]
	if mine = mine[1:]; len(mine) > 0 {
		q.waiting[reader] = mine
		q.turns = append(q.turns, reader)
	} else {
		delete(q.waiting, reader)
	}
	if len(q.turns) > 0 {
		signal(q.ready) // for another worker
	}
	return v, true
}

// take waits for the next item and takes it; false: ctx has ended.
func (q *queue[T]) take(ctx context.Context) (v T, ok bool) {
	for {
		if v, ok = q.next(); ok {
			return v, true
		}
		select {
		case <-ctx.Done():
			return v, false
		case <-q.ready:
		}
	}
}
