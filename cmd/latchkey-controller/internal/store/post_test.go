package store

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

// hears has somebody listen on a channel until stop is called, or the test ends. What is heard comes
// with "" for nil.
func hears(t *testing.T, s *Store, channel string) (heard chan string, stop func()) {
	t.Helper()
	heard = make(chan string, 4096)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Listen(ctx, channel, func(m []byte) { heard <- string(m) }) }()
	stop = sync.OnceFunc(func() {
		cancel()
		must(t, come(t, ended, "the end of the one who hears "+channel))
	})
	t.Cleanup(stop)
	if first := next(t, heard); first != "" {
		t.Errorf("%q before it has begun", first)
	}
	return heard, stop
}

func next(t *testing.T, heard chan string) string {
	t.Helper()
	return come(t, heard, "a message")
}

func post(t *testing.T, s *Store, channel string, messages ...string) {
	t.Helper()
	var all [][]byte
	for _, m := range messages {
		all = append(all, []byte(m))
	}
	must(t, s.Post(t.Context(), channel, all...))
}

func TestWhatIsPostedReachesAllThatListen(t *testing.T) {
	t.Parallel()
	address := newPostgres(t)
	one, other := openAt(t, address), openAt(t, address)
	changed := make(chan struct{}, 64)
	watching, cancel := context.WithCancel(t.Context())
	watched := make(chan error, 1)
	go func() { watched <- other.Watch(watching, func() error { changed <- struct{}{}; return nil }) }()
	come(t, changed, "the beginning of the watch")

	here, _ := hears(t, one, "a")
	there, _ := hears(t, other, "a")
	again, endAgain := hears(t, other, "a") // a second one of the process is told that it hears, too
	elsewhere, endElsewhere := hears(t, other, `b"c`)
	large := strings.Repeat("\x00ÿ", MaxPosted/3)
	var many []string
	for i := range 300 {
		many = append(many, fmt.Sprint("message ", i))
	}
	post(t, one, "a", many...)
	post(t, one, `b"c`, "for few")
	post(t, one, "a", large)
	for _, heard := range []chan string{here, there, again} {
		for _, want := range append(many, large) {
			if got := next(t, heard); got != want {
				t.Fatalf("%.40q, not %.40q", got, want)
			}
		}
	}
	if got := next(t, elsewhere); got != "for few" {
		t.Errorf("%q", got)
	}
	endElsewhere()
	endAgain()
	post(t, one, `b"c`, "for nobody")
	post(t, one, "a", "the last")
	if a, b := next(t, here), next(t, there); a != "the last" || b != a || len(elsewhere)+len(again) > 0 {
		t.Errorf("%q, %q", a, b)
	}
	for len(changed) > 0 {
		<-changed
	}
	must(t, add(one, 1)) // the same connection still hears of commits
	select {
	case <-changed:
	case <-time.After(20 * time.Second):
		t.Error("commits are not heard of any more")
	}
	cancel()
	must(t, come(t, watched, "the end of the watch"))
	if err := one.Post(t.Context(), "a", make([]byte, MaxPosted+1)); err == nil {
		t.Error("more than can be posted")
	}
	must(t, one.Post(t.Context(), "a", bytes.Repeat([]byte{0xff}, MaxPosted)))
}

func TestWhoListensIsToldThatSomethingMayBeMissed(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	server.New("site")
	cut := postgrestest.NewCut(t, server)
	s, other := openAt(t, cut.Address("site")), openAt(t, server.Address("site", "postgres"))
	heard, _ := hears(t, s, "a")
	post(t, other, "a", "one")
	if got := next(t, heard); got != "one" {
		t.Errorf("%q", got)
	}
	terminate(server, "site")
	if got := next(t, heard); got != "" {
		t.Errorf("%q, and not that the connection broke", got)
	}
	post(t, other, "a", "two")
	if got := next(t, heard); got != "two" {
		t.Errorf("%q", got)
	}

	// Whoever is slow blocks nobody, and what does not fit is dropped.
	slow, begun := make(chan struct{}), make(chan struct{}, 1)
	release := sync.OnceFunc(func() { close(slow) })
	t.Cleanup(release)
	var taken []string
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- s.Listen(ctx, "a", func(m []byte) {
			if taken = append(taken, string(m)); len(taken) == 1 {
				begun <- struct{}{}
				<-slow
			}
			if string(m) == "end" {
				cancel()
			}
		})
	}()
	come(t, begun, "the beginning of the one who is slow")
	for i := range 2 * heardAtOnce / 64 {
		var some []string
		for j := range 64 {
			some = append(some, fmt.Sprint("message ", i*64+j))
		}
		post(t, other, "a", some...)
		for _, want := range some { // whoever is not slow
			if got := next(t, heard); got != want {
				t.Fatalf("%q, not %q", got, want)
			}
		}
	}
	release()
	for end := time.Now().Add(time.Minute / 2); len(ended) == 0; time.Sleep(time.Millisecond) { // until there is room for it
		if post(t, other, "a", "end"); time.Now().After(end) {
			t.Fatal("the one who is slow does not hear the end")
		}
	}
	must(t, <-ended)
	missed := 0
	for _, m := range taken[1:] {
		if m == "" {
			missed++
		}
	}
	if missed == 0 || len(taken) < heardAtOnce || taken[heardAtOnce/2] == "" && taken[heardAtOnce/2+1] == "" {
		t.Errorf("%d taken, told %d times that some are missed", len(taken), missed)
	}
}

func TestNothingIsHeardOfAStoreThatIsClosedOrInSQLite(t *testing.T) {
	t.Parallel()
	s := openAt(t, newPostgres(t))
	ended := make(chan error, 1)
	begun := make(chan struct{})
	begin := sync.OnceFunc(func() { close(begun) })
	go func() { ended <- s.Listen(t.Context(), "a", func([]byte) { begin() }) }()
	come(t, begun, "the beginning")
	must(t, s.Close())
	if err := come(t, ended, "its end"); err == nil {
		t.Error("it listens on")
	}
	if err := s.Listen(t.Context(), "a", nil); err == nil {
		t.Error("a closed database is listened to")
	}
	if err := s.Post(t.Context(), "a", []byte("x")); err == nil {
		t.Error("posted in a closed database")
	}
	alone, err := Create(t.Context(), t.TempDir(), "")
	must(t, err)
	defer alone.Close()
	if err := alone.Post(t.Context(), "a", []byte("x")); err == nil || !strings.Contains(err.Error(), "SQLite") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	must(t, alone.Listen(ctx, "a", nil))
}
