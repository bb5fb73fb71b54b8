package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// A load is what administrators do while parts of a cluster are killed: each has a command of latchkey-controller do
// it in some controller's directory, one after the other, and remembers what it said.
type load struct {
	c       *Cluster
	say     func(format string, args ...any)
	readers []string
	ease    time.Duration // how much longer than usual they rest, as a factor; 0: not

	moving    sync.Mutex // held while a reader is moved
	mu        sync.Mutex
	users     map[string]fate     // by name: whether each was added
	greetings map[string][]string // by reader: those of which one must be in its policy
	cells     map[string][]string // by reader: names of those of which it must be
	moves     int                 // readers that were moved, as commands have said
	notMoved  int                 // or perhaps
	asked     int                 // users and doors, while a cell is away
	unlocks   []unlock
	done      int // changes that a command has said were made
	failed    int
	wrong     []string
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
	out, err := l.c.RunIn(ctx, at.Dir, args...)
	if err != nil && strings.Contains(err.Error(), "SQLSTATE 42") { // a statement that can never be carried out
		l.mu.Lock()
		l.wrong = append(l.wrong, err.Error())
		l.mu.Unlock()
	}
	return out, err
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

// anywhere returns a controller of any cell.
func (l *load) anywhere(random *rand.Rand) *Controller {
	all := l.c.controllers()
	return all[random.IntN(len(all))]
}

// change makes changes, one after the other, until ctx ends.
func (l *load) change(ctx context.Context, random *rand.Rand) {
	for n := 0; ctx.Err() == nil; n++ {
		at := l.anywhere(random)
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
		rest(ctx, random, max(1, l.ease)*600*time.Millisecond)
	}
}

// unlock opens doors, at the leader as often as anywhere, until ctx ends.
func (l *load) unlock(ctx context.Context, random *rand.Rand, people string) {
	for n := 0; ctx.Err() == nil; n++ {
		at := l.anywhere(random)
		if leader := l.c.Cells[random.IntN(len(l.c.Cells))].Leader(); leader != nil && random.IntN(2) == 0 {
			at = leader
		}
		l.unlockOnce(ctx, at, l.readers[random.IntN(len(l.readers))], fmt.Sprint(people, " ", n))
		rest(ctx, random, max(1, l.ease)*300*time.Millisecond)
	}
}

// unlockOnce opens the door of a reader for somebody, who does not ask for another.
func (l *load) unlockOnce(ctx context.Context, at *Controller, reader, who string) error {
	u := unlock{who: "command line (" + who + ")", at: at, began: time.Now()}
	out, err := l.command(ctx, at, "unlock", reader, "--by", who, "--json")
	u.ended = time.Now()
	var outcome struct{ Done bool }
	if err == nil {
		err = json.Unmarshal(out, &outcome)
	}
	if u.done = outcome.Done; err != nil {
		u.text = err.Error()
	} else if !u.done {
		err = fmt.Errorf("%s", out)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unlocks = append(l.unlocks, u)
	return err
}

// move moves readers to other cells, one after the other, until ctx ends.
func (l *load) move(ctx context.Context, random *rand.Rand) {
	for ctx.Err() == nil {
		l.moveOne(ctx, l.anywhere(random), l.readers[random.IntN(len(l.readers))], l.c.Cells[random.IntN(len(l.c.Cells))])
		rest(ctx, random, 3*time.Second)
	}
}

// moveOne moves a reader to a cell, in which it may be already.
func (l *load) moveOne(ctx context.Context, at *Controller, reader string, to *Cell) {
	l.moving.Lock()
	defer l.moving.Unlock()
	out, err := l.command(ctx, at, "cell", "move", reader, "--to", to.Name, "--json")
	var moved struct{ Readers int } // 0: it was there already
	if err == nil {
		err = json.Unmarshal(out, &moved)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		if moved.Readers > 0 {
			l.say("%s is moved to the cell %s", reader, to.Name)
		}
		l.moves += moved.Readers
		l.cells[reader] = []string{to.Name}
		return
	}
	l.notMoved++
	l.cells[reader] = append(l.cells[reader], to.Name)
}

// readCells reads of which cells readers are before any is moved.
func (l *load) readCells(ctx context.Context) error {
	conn, err := l.c.connect(ctx, "home")
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	cells, err := cellsOf(ctx, conn)
	for reader, cell := range cells {
		l.cells[reader] = []string{cell}
	}
	return err
}

// addUser adds a user with a card at a controller, and another one each time.
func (l *load) addUser(ctx context.Context, at *Controller) error {
	l.asked++
	name := fmt.Sprint("Iris Card", l.asked)
	_, err := l.command(ctx, at, "user", "add", "--name", name, "--card", fmt.Sprintf("05%012x", l.asked))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.users[name] = l.count(err)
	return err
}

// rest waits for a random time, at most so long.
func rest(ctx context.Context, random *rand.Rand, most time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(random.Int64N(int64(most)))):
	}
}
