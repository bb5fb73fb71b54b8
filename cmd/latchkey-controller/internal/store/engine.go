package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
)

// A begun transaction.
type begun struct {
	*sql.Tx
	commit func() error // an UnsureError if it cannot be known whether it was done
	end    func()       // rolls back, unless it was committed
}

// An UnavailableError says that the database cannot be used now. What was begun was not done.
type UnavailableError struct {
	Reason *language.Sentence // for who has asked for something
	Outage string             // what of it is the matter with the database itself, for a log; "": that is well
}

func (e *UnavailableError) Error() string { return e.Reason.String() }

// Said returns the reason.
func (e *UnavailableError) Said() *language.Sentence { return e.Reason }

// Outage returns what is the matter with the database itself, if an error is of that; "" otherwise. A controller logs it
// once, and not in each of its parts.
func Outage(err error) string {
	var away *UnavailableError
	if !errors.As(err, &away) {
		return ""
	}
	return away.Outage
}

// An UnsureError says that the database went away while it committed, or was kept from waiting for its stand-by.
type UnsureError struct{ Database string }

func (e *UnsureError) Error() string { return e.Said().String() }

// Said returns the sentence.
func (e *UnsureError) Said() *language.Sentence {
	return language.Say("the connection to the database %s broke while this was being stored: it may be done or not; look before you try again", e.Database)
}

// An engine is the database that a store is in: SQLite in the site's directory, or a database of a
// PostgreSQL server. Statements are written for SQLite; statement has the rules by which they work
// with both. What cannot be said in one statement is a method here.
type engine interface {
	// ready migrates the schema of a database that was connected to, and what else it takes to use
	// it. An empty one of PostgreSQL gets the tables only if it is to be created. The error wraps
	// errUnderway if a site has left it, or is on its way into it.
	ready(ctx context.Context, create bool) error
	// begin begins a transaction. There is one at a time that writes, of all processes: it sees
	// all that is committed, and ids rise in the order of commits. One that only reads sees one
	// consistent state.
	begin(ctx context.Context, writes bool) (*begun, error)
	// statement returns a statement and its arguments as the engine takes them.
	statement(text string, args []any) (string, []any)

	// repeats readies a transaction for doing the same things thousands of times, usual ends that.
	repeats(t *Tx) error
	usual(t *Tx) error

	// insert runs an INSERT … VALUES (?, …) for each of some rows, at least one, in their order. The
	// elements of a column have one type.
	insert(t *Tx, statement string, rows [][]any) error
	// insertNew is insert for rows that get ids, which rise in their order.
	insertNew(t *Tx, statement string, rows [][]any) (ids []int64, err error)

	// skipIDs has a table pass over n of the ids that it assigns, and returns the first of them.
	skipIDs(t *Tx, table string, n int64) (first int64, err error)

	// closeCell lets no controller come to work for a cell until the transaction ends; free: none does so now.
	closeCell(t *Tx, cell int64) (free bool, err error)

	// partition is Tx.PartitionRecords.
	partition(t *Tx, now time.Time) error

	// sharedClock returns what a clock says that all machines which use the database see, Unix milliseconds; 0: one
	// machine uses it.
	sharedClock(t *Tx) (now int64, err error)

	// full returns a FullError if there is no room for what can wait.
	full() error
	// makeRoom gives what cannot wait the room that is set aside for it.
	makeRoom() error
	// failure returns a FullError in place of the engine's errors for a full disk, and an
	// UnavailableError in place of those that say that it cannot be used now; other errors it returns
	// as they are.
	failure(err error) error
	// doubts says, in sentences, what of the engine's settings could lose what is stored.
	doubts(ctx context.Context) ([]string, error)

	// watch is Store.Watch; woken has an element after commits of this process.
	watch(ctx context.Context, woken <-chan struct{}, changed func() error) error
	// post is Store.Post, listen is Store.Listen.
	post(ctx context.Context, channel string, messages [][]byte) error
	listen(ctx context.Context, channel string, take func([]byte)) error
	close() error

	mover
	// lead is Store.Lead, leads is Store.Leads, alone is Store.Alone, controllers is Store.Controllers.
	lead(ctx context.Context, cell int64, standBy func(*ServedError) error) (*Lead, error)
	alone(ctx context.Context) (release func(), err error)
	controllers(ctx context.Context) ([]Controller, error)
	leads() bool
	// kind is what the database is, for people.
	kind() string
	// place says where the database is, for people.
	place() string
}
