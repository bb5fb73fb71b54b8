package api

import (
	"net/http"
	"sync"
)

// openStreams counts the streams of each token.
type openStreams struct {
	mu  sync.Mutex
	all int
	of  map[int64]int
}

// join counts a further stream of a token, which the caller must leave; or refuses it.
func (s *openStreams) join(token int64) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= maxStreams || s.of[token] >= maxOwnStreams {
		return nil, &refusal{status: http.StatusTooManyRequests, code: codeForbidden, text: "Too many streams are open; close some, or come again in 10 s", wait: 10}
	}
	if s.of == nil {
		s.of = map[int64]int{}
	}
	s.all++
	s.of[token]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all--
		if s.of[token]--; s.of[token] == 0 {
			delete(s.of, token)
		}
	}, nil
}
