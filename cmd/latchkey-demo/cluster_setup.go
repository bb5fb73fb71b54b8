package main

import (
	"context"
	cryptorand "crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"latchkey/cmd/internal/freeport"
)

// clusterFacts is what opens the doors of a cluster, and the addresses of its processes; kept in facts.json.
type clusterFacts struct {
	PIN      string               `json:"pin"`
	UID      string               `json:"uid"`
	Database string               `json:"database"`
	Brokers  [2]string            `json:"brokers"`
	Consoles [2]string            `json:"consoles"`
	Pages    [len(readers)]string `json:"pages"`
}

// addresses are those of all processes.
func (f *clusterFacts) addresses() []*string {
	all := []*string{&f.Database}
	for _, of := range [][]string{f.Brokers[:], f.Consoles[:], f.Pages[:]} {
		for i := range of {
			all = append(all, &of[i])
		}
	}
	return all
}

// recall reads the facts, or chooses addresses for a new cluster, whose directory is empty then.
func (c *cluster) recall() (isNew bool, err error) {
	b, err := os.ReadFile(c.path("facts.json"))
	if err == nil {
		if err := json.Unmarshal(b, &c.known); err != nil {
			return false, fmt.Errorf("%s: %w", c.path("facts.json"), err)
		}
		return false, c.known.free()
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	for _, name := range []string{"postgresql", "passwords", "controller-1", "controller-2", "broker-1", "broker-2", "readers"} {
		if err := os.RemoveAll(c.path(name)); err != nil {
			return false, err
		}
	}
	return true, c.known.choose()
}

// choose chooses free ports. They are not among those that connections begin at, so they stay free while a process is
// away; and at random, so that clusters that are set up one after the other can run beside each other.
func (f *clusterFacts) choose() error {
	for _, address := range f.addresses() {
		chosen, err := freeport.Address()
		if err != nil {
			return err
		}
		*address = chosen
	}
	return nil
}

// free returns an error if another program has an address.
func (f *clusterFacts) free() error {
	for _, address := range f.addresses() {
		listener, err := net.Listen("tcp", *address)
		if err != nil {
			return fmt.Errorf("the cluster was set up with %s, which another program has: end that, or have another cluster with --dir: %w", *address, err)
		}
		listener.Close()
	}
	return nil
}

// databaseName is the database of the site.
const databaseName = "demo"

// setUp makes the database, the site, both directories of controllers, and the readers.
func (c *cluster) setUp(ctx context.Context) error {
	passwords, err := filepath.Abs(c.path("passwords"))
	if err != nil {
		return err
	}
	psql := filepath.Join(c.postgres.bin, "psql")
	if err := c.do(ctx, nil, psql, "--quiet", "--dbname", databaseURL(c.known.Database, "postgres", passwords), "--command", "CREATE DATABASE "+databaseName+" TEMPLATE template0 ENCODING 'UTF8'",
		"--command", "REVOKE CONNECT, TEMPORARY ON DATABASE "+databaseName+" FROM PUBLIC"); err != nil {
		return err
	}
	site := c.path("controller-1")
	if err := c.do(ctx, nil, "latchkey-controller", "init", "--site", "demo", "--dir", site, "--database", databaseURL(c.known.Database, databaseName, passwords)); err != nil {
		return err
	}
	uid := make([]byte, 7)
	cryptorand.Read(uid)
	uid[0] = 0x04 // NXP, the maker of most cards
	known := facts{UID: hex.EncodeToString(uid)}
	if err := c.makeUsers(ctx, &known, site); err != nil {
		return err
	}
	c.known.PIN, c.known.UID = known.PIN, known.UID
	for i, r := range readers {
		dir := c.path("readers", r.id)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := c.makeReaderOf(ctx, &known, site, aReader{id: r.id, door: r.door, dir: dir, listen: c.known.Pages[i], brokers: c.known.Brokers[:]}); err != nil {
			return err
		}
	}
	if err := c.do(ctx, nil, "latchkey-controller", "join", "--dir", c.path("controller-2"), "--database", databaseURL(c.known.Database, databaseName, passwords), "--storage-key", filepath.Join(site, "storage.key")); err != nil {
		return err
	}
	b, err := json.MarshalIndent(&c.known, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(c.path("facts.json"), b, 0o600)
}

// answers returns whether somebody takes connections at an address.
func answers(address string) func() bool {
	return func() bool {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}
}
