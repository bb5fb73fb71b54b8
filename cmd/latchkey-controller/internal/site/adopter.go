package site

import (
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

	manifest *wire.Manifest // of the newest snapshot; nil: there is none
	contents []byte         // that snapshot
}

// adopted is a bundle in force.
type adopted struct {
	number uint64
	board  string // boardKey
	inFile bool   // the board has its keys in a file
}

// Adopter returns what adopts boards in a transaction.
func (s *Site) Adopter(tx *store.Tx) *Adopter { return &Adopter{site: s, tx: tx} }

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

// BoardOf returns the reader that the board of a request is; "": none.
func BoardOf(tx *store.Tx, request *wire.Request) (reader string, err error) {
	a := Adopter{tx: tx}
	err = a.read()
	return a.boards[boardKey(request)], err
}

// snapshot returns a snapshot of the log's head.
func (a *Adopter) snapshot() (*wire.Manifest, []byte, error) {
	if err := a.site.cut(a.tx); err != nil { // deltas continue from the snapshot
		return nil, nil, err
	}
	head, err := a.tx.Head()
	if err != nil {
		return nil, nil, err
	}
	if a.manifest != nil && a.manifest.Epoch == head.Epoch && a.manifest.Revision == head.Revision {
		return a.manifest, a.contents, nil
	}
	manifest, entries, err := a.site.contents(a.tx)
	if err != nil {
		return nil, nil, err
	}
	if a.contents, err = wire.WriteSnapshot(manifest, entries, a.site.signing); err != nil {
		return nil, nil, err
	}
	a.manifest = manifest
	return manifest, a.contents, nil
}
