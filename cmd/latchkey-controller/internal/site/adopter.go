package site

import (
	"context"
	"fmt"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// An Adopter adopts boards in one transaction. What is the same for all of them it reads
// once: for one of ten thousand readers, all others would be read.
type Adopter struct {
	site *Site
	tx   *store.Tx

	readers map[string]adopted // those with a bundle in force; nil: not read yet
	boards  map[string]string  // by boardKey, the reader that the board is

	snapshot *Contents // nil: there is none yet
}

// Contents are a snapshot of the log's head at some time.
type Contents struct {
	manifest *wire.Manifest
	encoded  []byte
}

// Contents returns a snapshot of the log's head, for an Adopter: to make one of a million credentials takes
// longer than others should wait, and than the server lets a transaction that writes compute.
func (s *Site) Contents(ctx context.Context) (*Contents, error) {
	manifest, entries, err := s.headContents(ctx)
	if err != nil {
		return nil, err
	}
	encoded, err := wire.WriteSnapshot(manifest, entries, s.signing)
	return &Contents{manifest, encoded}, err
}

// adopted is a bundle in force.
type adopted struct {
	number uint64
	board  string // boardKey
	inFile bool   // the board has its keys in a file
}

// Adopter returns what adopts boards in a transaction. Their bundles have a snapshot that was made before; nil, or one
// that is too old: one of now.
func (s *Site) Adopter(tx *store.Tx, snapshot *Contents) *Adopter {
	return &Adopter{site: s, tx: tx, snapshot: snapshot}
}

// boardKey returns what requests of one board have in common, and no others: see
// wire.Request.SameBoard.
func boardKey(r *wire.Request) string {
	if r.TPM != nil {
		return string(r.TPM.Signing[:])
	}
	return string(r.Signing[:])
}

// read reads the bundles in force.
func (a *Adopter) read() error {
	if a.readers != nil {
		return nil
	}
	bundles, err := a.tx.Bundles()
	if err != nil {
		return err
	}
	a.readers, a.boards = map[string]adopted{}, map[string]string{}
	for _, b := range bundles {
		var request wire.Request
		if err := wire.Unmarshal(b.Request, wire.MaxMessage, &request); err != nil {
			return fmt.Errorf("request of %s: %w", b.Reader, err)
		}
		a.adopted(b, "", &request)
	}
	return nil
}

// adopted notes a bundle, which revokes that of moved; "": none.
func (a *Adopter) adopted(b *store.Bundle, moved string, request *wire.Request) {
	if before, ok := a.readers[b.Reader]; ok {
		delete(a.boards, before.board)
	}
	delete(a.readers, moved)
	key := boardKey(request)
	a.readers[b.Reader], a.boards[key] = adopted{b.Number, key, request.TPM == nil}, b.Reader
}

// supersedes fills in which bundle is revoked, and which reader the board was. hadKey says
// that the reader had the PIN key in a file. A board that had it there as another reader has
// another identity with its TPM, and stays that reader as well.
func (a *Adopter) supersedes(adoption *Adoption, request *wire.Request) (hadKey bool, err error) {
	if err := a.read(); err != nil {
		return false, err
	}
	key := boardKey(request)
	if before, ok := a.readers[adoption.Reader]; ok {
		adoption.Revoked, hadKey, adoption.sameBoard = before.number, before.inFile, before.board == key
	}
	if reader := a.boards[key]; reader != adoption.Reader {
		adoption.Moved = reader
	}
	return hadKey, nil
}

// Boards returns a function that is BoardOf for many requests.
func Boards(tx *store.Tx) (of func(*wire.Request) (reader string), err error) {
	a := Adopter{tx: tx}
	err = a.read()
	return func(request *wire.Request) string { return a.boards[boardKey(request)] }, err
}

// FormerBoards returns a function that says which reader the board of a request was last, of those whose bundle is not in
// force any more; nil: it was none.
func FormerBoards(tx *store.Tx) (was func(*wire.Request) *store.FormerBundle, err error) {
	boards := map[string]*store.FormerBundle{}
	err = tx.FormerBundles(func(b *store.FormerBundle) error {
		var request wire.Request
		if err := wire.Unmarshal(b.Request, wire.MaxMessage, &request); err != nil {
			return fmt.Errorf("former request of %s: %w", b.Reader, err)
		}
		b.Request = nil // not needed any more
		boards[boardKey(&request)] = b
		return nil
	})
	return func(request *wire.Request) *store.FormerBundle { return boards[boardKey(request)] }, err
}

// BoardOf returns the reader that the board of a request is; "": none.
func BoardOf(tx *store.Tx, request *wire.Request) (reader string, err error) {
	of, err := Boards(tx)
	return of(request), err
}

// contents returns the snapshot for bundles, which readers follow the log from.
func (a *Adopter) contents() (*Contents, error) {
	if err := a.site.cut(a.tx); err != nil { // deltas continue from the snapshot
		return nil, err
	}
	head, err := a.tx.Head()
	if err != nil {
		return nil, err
	}
	if made := a.snapshot; made != nil && made.manifest.Epoch == head.Epoch {
		if near, err := deltasReach(a.tx, head, made.manifest.Revision, 2); err != nil || near {
			return made, err
		}
	}
	manifest, entries, err := a.site.contents(a.tx)
	if err != nil {
		return nil, err
	}
	encoded, err := wire.WriteSnapshot(manifest, entries, a.site.signing)
	if err != nil {
		return nil, err
	}
	a.snapshot = &Contents{manifest, encoded}
	return a.snapshot, nil
}
