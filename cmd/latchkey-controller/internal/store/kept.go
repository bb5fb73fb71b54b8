package store

import (
	"context"
	"database/sql/driver"
	"strings"
)

// keeping opens connections to SQLite that keep statements: to read and plan one takes longer than most
// take to be carried out.
type keeping struct{ driver.Connector }

func (k keeping) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := k.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &keeper{c.(sqliteConn), map[string]sqliteStatement{}}, nil
}

type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type sqliteStatement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// mostKept is how many statements a connection keeps. Most have 2 to 15 kB, that of an Intake with 64 terms has 67 kB; all
// 128 texts that Intakes have, with others, have 5 MB.
const mostKept = 200

// A keeper is a connection that keeps statements. Those that are at work are not in kept.
type keeper struct {
	sqliteConn
	kept map[string]sqliteStatement
}

// take returns a statement that nobody else uses until it is given back; nil: it is one that is not kept.
// Some of the others do what they do when they are prepared.
func (k *keeper) take(ctx context.Context, text string) (sqliteStatement, error) {
	if s := k.kept[text]; s != nil {
		delete(k.kept, text)
		return s, nil
	}
	verb, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	switch verb {
	case "SELECT", "INSERT", "UPDATE", "DELETE", "WITH":
	default:
		return nil, nil
	}
	s, err := k.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	return s.(sqliteStatement), nil
}

// give gives a statement back, after whatever error.
func (k *keeper) give(text string, s sqliteStatement, err error) {
	if err != nil || k.kept[text] != nil {
		s.Close()
		return
	}
	if len(k.kept) == mostKept {
		for other, s := range k.kept { // any
			delete(k.kept, other)
			s.Close()
			break
		}
	}
	k.kept[text] = s
}

func (k *keeper) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	s, err := k.take(ctx, text)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return k.sqliteConn.ExecContext(ctx, text, args)
	}
	result, err := s.ExecContext(ctx, args)
	k.give(text, s, err)
	return result, err
}

func (k *keeper) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := k.take(ctx, text)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return k.sqliteConn.QueryContext(ctx, text, args)
	}
	rows, err := s.QueryContext(ctx, args)
	if err != nil {
		k.give(text, s, err)
		return nil, err
	}
	return &keptRows{rows, func(err error) { k.give(text, s, err) }}, nil
}

func (k *keeper) Close() error {
	for _, s := range k.kept {
		s.Close()
	}
	clear(k.kept)
	return k.sqliteConn.Close()
}

// keptRows are the rows of a statement that is given back once, when they are closed.
type keptRows struct {
	driver.Rows
	give func(error)
}

func (r *keptRows) Close() error {
	if r.give == nil {
		return nil
	}
	err := r.Rows.Close()
	r.give(err)
	r.give = nil
	return err
}
