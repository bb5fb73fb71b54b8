package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// A load is what administrators do while parts of a cluster are killed: each has a command of latchkey-controller do
// it in some controller's directory, one after the other, and remembers what it said.
type load struct {
	c       *Cluster
	readers []string

	mu        sync.Mutex
	users     map[string]fate     // by name: whether each was added
	greetings map[string][]string // by reader: those of which one must be in its policy
	unlocks   []unlock
	done      int // changes that a command has said were made
	failed    int
}

// A fate is whether something was done.
type fate int

const (
	maybe fate = iota
	done
)

// An unlock is a door that somebody asked to be opened.
type unlock struct {
	who          string // who asked, as the order names them; nobody else
	at           *Controller
	began, ended time.Time
	done         bool   // as the command said
	text         string // what it said
}

// commandWithin is how long a command may take.
const commandWithin = 30 * time.Second

// command runs a command at a controller and says whether it did what was asked. Otherwise that may be done or not.
func (l *load) command(ctx context.Context, at *Controller, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commandWithin)
	defer cancel()
	return l.c.RunIn(ctx, at.Dir, args...)
}

// count counts a change.
func (l *load) count(err error) fate {
	if err != nil {
		l.failed++
		return maybe
	}
	l.done++
	return done
}

// change makes changes, one after the other, until ctx ends.
func (l *load) change(ctx context.Context, random *rand.Rand) {
	for n := 0; ctx.Err() == nil; n++ {
		at := l.c.Controllers[random.IntN(len(l.c.Controllers))]
		switch kind := random.IntN(4); {
		case kind == 0: // a PIN costs processor time
			name := fmt.Sprint("Ada Pin", n)
			_, err := l.command(ctx, at, "user", "add", "--name", name, "--pin", "auto")
			l.mu.Lock()
			l.users[name] = l.count(err)
			l.mu.Unlock()
			if err != nil {
				break
			}
			_, err = l.command(ctx, at, "user", "pin", name, "generate")
			l.mu.Lock()
			l.count(err)
			l.mu.Unlock()
		case kind == 1:
			reader, greeting := l.readers[random.IntN(len(l.readers))], fmt.Sprint("Greeting ", n)
			_, err := l.command(ctx, at, "policy", reader, "set", "--greeting", greeting)
			l.mu.Lock()
			if l.count(err) == done {
				l.greetings[reader] = nil
			} else if l.greetings[reader] == nil {
				l.greetings[reader] = []string{""}
			}
			l.greetings[reader] = append(l.greetings[reader], greeting)
			l.mu.Unlock()
		default:
			name := fmt.Sprint("Ada Card", n)
			_, err := l.command(ctx, at, "user", "add", "--name", name, "--card", fmt.Sprintf("04%012x", n+1))
			l.mu.Lock()
			l.users[name] = l.count(err)
			l.mu.Unlock()
		}
		rest(ctx, random, 600*time.Millisecond)
	}
}

// unlock opens doors, at the leader as often as anywhere, until ctx ends.
func (l *load) unlock(ctx context.Context, random *rand.Rand, people string) {
	for n := 0; ctx.Err() == nil; n++ {
		at := l.c.Controllers[random.IntN(len(l.c.Controllers))]
		if leader := l.c.Leader(); leader != nil && random.IntN(2) == 0 {
			at = leader
		}
		who := fmt.Sprint(people, " ", n)
		u := unlock{who: "command line (" + who + ")", at: at, began: time.Now()}
		out, err := l.command(ctx, at, "unlock", l.readers[random.IntN(len(l.readers))], "--by", who, "--json")
		u.ended = time.Now()
		var outcome struct{ Done bool }
		if err == nil {
			err = json.Unmarshal(out, &outcome)
		}
		if u.done = outcome.Done; err != nil {
			u.text = err.Error()
		}
		l.mu.Lock()
		l.unlocks = append(l.unlocks, u)
		l.mu.Unlock()
		rest(ctx, random, 300*time.Millisecond)
	}
}

// rest waits for a random time, at most so long.
func rest(ctx context.Context, random *rand.Rand, most time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(random.Int64N(int64(most)))):
	}
}
