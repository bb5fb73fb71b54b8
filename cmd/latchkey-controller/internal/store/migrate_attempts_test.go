package store

import (
	"testing"

	"latchkey/sync/wire"
)

func TestJournalsOfReadersWithATPMCountOnAsBefore(t *testing.T) {
	dir := older(t, 10,
		`INSERT INTO readers (id, created) VALUES ('file', 1), ('tpm', 1), ('had', 1)`,
		`INSERT INTO bundles (number, reader_id, created, request, certificate, serial, epoch, revoked) VALUES
			(1, 'file', 1, x'', x'', 'a', 1, 0), (2, 'tpm', 1, x'', x'', 'b', 1, 0), (3, 'had', 1, x'', x'', 'c', 1, 5), (4, 'had', 1, x'', x'', 'd', 1, 0)`,
		`INSERT INTO budgets (ref, bundle, created, nonce, automatic, granted, attempts, keys) VALUES
			(zeroblob(32), 2, 1, x'', 0, 500, 7, x''), (randomblob(32), 3, 1, x'', 0, 500, 9, x'')`,
		`INSERT INTO journals (reader_id, journal, number, hash, forked, restored) VALUES
			('file', x'01000000000000000000000000000000', 3, zeroblob(32), 0, 0), ('tpm', x'02000000000000000000000000000000', 3, zeroblob(32), 0, 0), ('had', x'03000000000000000000000000000000', 3, zeroblob(32), 0, 0)`,
	)
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.View(t.Context(), func(tx *Tx) error {
		for id, reader := range []string{"file", "tpm", "had"} {
			j, err := tx.Journal(reader, wire.JournalID{byte(id + 1)})
			if err != nil {
				return err
			}
			if j.Number != 3 || j.Counts != (reader != "file") {
				t.Errorf("%s: %+v", reader, j)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
