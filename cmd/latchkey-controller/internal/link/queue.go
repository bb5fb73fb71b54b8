package link

import (
	"context"
	"sync"
)

// A queue holds what several readers want and hands it out in turn, one of each
// reader after the other: whoever wants much waits behind himself only.
type queue[T any] struct {
	each  int // the most of one reader
	ready chan struct{}

	mu      sync.Mutex
	waiting map[string][]T
	turns   []string // readers with something waiting
}

func newQueue[T any](each int) *queue[T] {
	return &queue[T]{each: each, ready: make(chan struct{}, 1), waiting: map[string][]T{}}
}

// put adds to a reader's end; false: that is full, and nothing was added.
func (q *queue[T]) put(reader string, v T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	mine := q.waiting[reader]
	if len(mine) >= q.each {
		return false
	}
	if len(mine) == 0 {
		q.turns = append(q.turns, reader)
	}
	q.waiting[reader] = append(mine, v)
	q.signal()
	return true
}

func (q *queue[T]) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// next takes what is next in turn; false: nothing is.
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
		q.signal() // for another worker
	}
	return v, true
}

// take waits for what is next in turn; false: ctx has ended.
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
