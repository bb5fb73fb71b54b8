package main

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
)

func TestABrokerIsConfiguredForACell(t *testing.T) {
	t.Parallel()
	dir, out := filepath.Join(t.TempDir(), "site"), filepath.Join(t.TempDir(), "mosquitto")
	s, err := site.Create(t.Context(), dir, postgrestest.Database(t), "home", "UTC", clock.Read())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	south := &store.Cell{Name: "south", Brokers: []string{"ssl://one.example:8883"}}
	change := func(act func(*store.Tx) error) {
		t.Helper()
		if err := s.Update(t.Context(), act); err != nil {
			t.Fatal(err)
		}
	}
	change(func(tx *store.Tx) error { return tx.AddCell(south) })
	for id, c := range map[string]store.ReaderCell{"stays": {Cell: store.HomeCell}, "comes": {Cell: south.ID, From: store.HomeCell}, "there": {Cell: south.ID}} {
		change(func(tx *store.Tx) error {
			policy, _, err := site.PolicyOrNew(tx, id)
			if err == nil {
				_, _, err = s.Adopt(tx, time.Now(), boardtest.New(t).Signed, []string{"ssl://broker.example:8883"}, policy)
			}
			if err == nil {
				err = tx.SetCellOf(id, c)
			}
			return err
		})
	}
	write := func(flags ...string) string {
		t.Helper()
		said, err := programIn(dir)(append([]string{"broker-config", "--out", out}, flags...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		return string(said)
	}
	// limits returns those of the configuration that grow with the readers.
	limits := func() string {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(out, "mosquitto.conf"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(regexp.MustCompile(`(?m)^max_(?:inflight_messages|queued_messages|queued_bytes|connections) \d+$`).FindAllString(string(b), -1), ", ")
	}
	const roomy = "max_inflight_messages 625, max_queued_messages 40000, max_queued_bytes 20480000, max_connections 21024"
	is := func(cell int64) {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(out, "broker.pem"))
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(b)
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := site.BrokerCell(certificate); err != nil || got != cell || !slices.Equal(certificate.DNSNames, []string{"two.example"}) {
			t.Errorf("its certificate is of cell %d, for %q, %v", got, certificate.DNSNames, err)
		}
		access, err := os.ReadFile(filepath.Join(out, "access.acl"))
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"stays", "comes", "there"} { // who is moved hears of changes at once
			if !strings.Contains(string(access), "user "+id+"\n") {
				t.Errorf("cell %d: %s", cell, access)
			}
		}
		if got := limits(); got != roomy { // others may be moved there
			t.Errorf("cell %d: %s", cell, got)
		}
	}
	said := write("--elsewhere", "--name", "two.example", "--cell", south.Name)
	if !strings.Contains(said, "restart it. Then, on the machines of the cell's controllers, in their directories:\n\n  latchkey-controller serve --dir DIR --cell south --broker ssl://one.example:8883\n") ||
		!strings.HasPrefix(said, "warning: ssl://two.example:8883 is none of the brokers of the cell south") {
		t.Error(said)
	}
	is(south.ID)
	// Written again, it is of the same cell, whatever that is named now.
	south.Name, south.Brokers = "north", append(south.Brokers, "ssl://TWO.example:8883")
	change(func(tx *store.Tx) error { return tx.EditCell(south) })
	if said := write(); !strings.Contains(said, " --cell north --broker") || strings.Contains(said, "warning:") {
		t.Error(said)
	}
	is(south.ID)
	if said := write("--cell", "main"); strings.Contains(said, "--cell") || !strings.Contains(said, "Then, here:\n\n  latchkey-controller serve --dir "+dir) {
		t.Error(said)
	}
	is(store.HomeCell)
	write()
	is(store.HomeCell)
	write("--cell", "north")
	change(func(tx *store.Tx) error {
		for _, id := range []string{"comes", "there"} {
			if err := tx.SetCellOf(id, store.ReaderCell{Cell: store.HomeCell}); err != nil {
				return err
			}
		}
		return tx.RemoveCell(south.ID)
	})
	for want, flags := range map[string][]string{"the cell that " + out + " was written for was removed": nil, `there is no cell "nowhere"`: {"--cell", "nowhere"}} {
		said, err := programIn(dir)(append([]string{"broker-config", "--out", out}, flags...)...).CombinedOutput()
		if err == nil || !strings.Contains(string(said), want) {
			t.Errorf("%v: %s", err, said)
		}
	}
	write("--cell", "main")
	if got := limits(); got != roomy {
		t.Errorf("the first of several cells: %s", got)
	}
	write("--cell", "")
	if got, want := limits(), "max_inflight_messages 64, max_queued_messages 2048, max_queued_bytes 16777216, max_connections 1032"; got != want {
		t.Errorf("the only cell: %s", got)
	}
}
