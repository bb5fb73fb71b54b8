//go:build !firmware

package main

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"flag"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"latchkey/cmd/latchkeyd/internal/adoption"
	"latchkey/device/pin"
	"latchkey/device/pin/tpm"
	"latchkey/sync/wire"
)

// A chip is a swtpm of a test.
type chip struct {
	t         testing.TB
	dir, path string // of its state, of its socket
	cmd       *exec.Cmd
}

func newChip(t testing.TB) *chip {
	t.Helper()
	dir, err := os.MkdirTemp("", "swtpm") // t.TempDir() can be longer than a socket's path may be
	if err != nil {
		t.Fatal(err)
	}
	c := &chip{t: t, dir: dir, path: filepath.Join(dir, "s")}
	t.Cleanup(func() {
		c.cut()
		os.RemoveAll(dir)
	})
	c.power()
	return c
}

func (c *chip) power() {
	c.t.Helper()
	os.Remove(c.path)
	c.cmd = exec.Command("swtpm", "socket", "--tpm2", "--tpmstate", "dir="+c.dir, "--server", "type=unixio,path="+c.path, "--flags", "not-need-init,startup-clear")
	if err := c.cmd.Start(); err != nil {
		c.t.Fatalf("%v: install it with make setup", err)
	}
	for range 1000 {
		if conn, err := net.Dial("unix", c.path); err == nil {
			conn.Close()
			return
		}
		exec.Command("sleep", "0.02").Run() // in a bubble, too
	}
	c.t.Fatal("swtpm does not listen")
}

// cut takes the chip's power away.
func (c *chip) cut() {
	if c.cmd != nil {
		c.cmd.Process.Kill()
		c.cmd.Wait()
		c.cmd = nil
	}
}

// clear makes it a chip that holds nothing.
func (c *chip) clear() {
	c.t.Helper()
	c.cut()
	files, err := filepath.Glob(filepath.Join(c.dir, "tpm2*"))
	if err != nil || len(files) == 0 {
		c.t.Fatal(files, err)
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			c.t.Fatal(err)
		}
	}
	c.power()
}

// A tpmSite is the controller of front-door, which has a TPM. It knows Ada's PIN and Bob's
// card.
type tpmSite struct {
	t      testing.TB
	data   string // of the reader
	chip   string // path of its TPM; "": it has none
	key    *ecdsa.PrivateKey
	number uint64        // of the newest bundle, and of the newest keys
	tpm    *wire.TPMKeys // the newest
}

func newTPMSite(t testing.TB, data, chip string) *tpmSite {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &tpmSite{t: t, data: data, chip: chip, key: key}
}

// request returns the request of the reader, which runs, as latchkeyd identity writes it.
func (c *tpmSite) request() (*wire.Request, string) {
	c.t.Helper()
	var own *tpm.TPM
	if c.chip != "" {
		own = tpm.Open(c.chip)
		defer own.Close()
	}
	id, err := adoption.MakeIdentity(context.Background(), c.data, own)
	if err != nil {
		c.t.Fatal(err)
	}
	signed, fingerprint, err := id.Request(context.Background(), c.data, true, own)
	if err != nil {
		c.t.Fatal(err)
	}
	request, _, err := wire.ParseRequest(signed)
	if err != nil {
		c.t.Fatal(err)
	}
	return request, fingerprint
}

// first returns keys with a first grant over the nonce of the request.
func (c *tpmSite) first(limit uint32) *wire.EpochKeys {
	c.t.Helper()
	request, _ := c.request()
	var ref wire.TPMRef
	rand.Read(ref[:])
	keys := keyedKeys(c.t, 7)
	var err error
	if c.tpm, err = tpm.Wrap(request.TPM.Parent, nil, &c.key.PublicKey, ref, (*[32]byte)(keys.PIN), (*[32]byte)(keys.Card)); err != nil {
		c.t.Fatal(err)
	}
	if c.tpm.Grant, err = tpm.FirstGrant(c.key, ref, request.TPM.Nonce, limit); err != nil {
		c.t.Fatal(err)
	}
	c.number++
	return &wire.EpochKeys{Number: c.number, TPM: c.tpm}
}

// refill returns the newest keys with another limit.
func (c *tpmSite) refill(limit uint32) *wire.EpochKeys {
	c.t.Helper()
	later := *c.tpm
	var err error
	if later.Grant, err = tpm.Refill(c.key, later.Ref, limit); err != nil {
		c.t.Fatal(err)
	}
	c.tpm = &later
	c.number++
	return &wire.EpochKeys{Number: c.number, TPM: c.tpm}
}

// bundle answers the request of the reader with these keys.
func (c *tpmSite) bundle(keys *wire.EpochKeys) []byte {
	c.t.Helper()
	must := func(err error) {
		c.t.Helper()
		if err != nil {
			c.t.Fatal(err)
		}
	}
	request, _ := c.request()
	b := &wire.Bundle{Number: c.number, Site: wire.SiteID{1}, SiteName: "home", Reader: "front-door", Epoch: 5, Keys: *keys}
	policy := wire.DefaultPolicy(b.Reader, "Front door")
	policy.Revision, policy.SystemTime, policy.Access = 1, true, []wire.Access{{Group: wire.Everyone}}
	var err error
	b.Policy, err = policy.Sign(b.Site, keyedController)
	must(err)
	manifest := &wire.Manifest{Site: b.Site, Epoch: b.Epoch, Hash: wire.Start(b.Epoch), KDF: wire.KDF{Memory: 19456, Time: 2, Threads: 4}}
	of := pinKeys(c.t, keyedKeys(c.t, 7))
	material, err := pin.Material([]byte(adaPIN), manifest.KDF)
	must(err)
	ada, err := of.Tag(wire.PIN, material)
	must(err)
	bob, err := of.Tag(wire.Card, soakCard)
	must(err)
	entries := []wire.Entry{
		{Tag: ada, Credential: wire.Credential{ID: 1, Kind: wire.PIN, User: 1, Name: "Ada"}},
		{Tag: bob, Credential: wire.Credential{ID: 2, Kind: wire.Card, User: 2, Name: "Bob"}},
	}
	if bytes.Compare(ada[:], bob[:]) > 0 {
		entries[0], entries[1] = entries[1], entries[0]
	}
	b.Snapshot, err = wire.WriteSnapshot(manifest, entries, keyedController)
	must(err)
	sealed, err := wire.SealBundle(b, request, keyedController)
	must(err)
	return sealed
}

// file writes keys as the controller does for latchkeyd grant.
func (c *tpmSite) file(site wire.SiteID, reader string, epoch uint64, to [32]byte, keys *wire.EpochKeys) string {
	c.t.Helper()
	public, err := ecdh.X25519().NewPublicKey(to[:])
	if err != nil {
		c.t.Fatal(err)
	}
	key, err := wire.SealKey(reader, epoch, keys, public)
	if err != nil {
		c.t.Fatal(err)
	}
	signed, err := wire.Sign(wire.KindKey, site, wire.Marshal(key), keyedController)
	if err != nil {
		c.t.Fatal(err)
	}
	path := filepath.Join(c.t.TempDir(), "grant")
	if err := os.WriteFile(path, signed, 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// own writes keys for the reader.
func (c *tpmSite) own(keys *wire.EpochKeys) string {
	c.t.Helper()
	request, _ := c.request()
	return c.file(wire.SiteID{1}, "front-door", 5, request.Sealing, keys)
}

// grant has latchkeyd grant take a file, and returns what it says.
func (c *tpmSite) grant(file string) (string, error) {
	var out bytes.Buffer
	err := grantCommand(c.t.Context(), &call{
		flags: flag.NewFlagSet("latchkeyd grant", flag.ContinueOnError), args: []string{"--data", c.data, file}, stdout: &out, stderr: &out,
	})
	return out.String(), err
}

// between returns the path of a socket that passes on to the chip each command that this
// lets pass. Otherwise the connection is closed.
func (c *chip) between(pass func(command []byte) bool) string {
	c.t.Helper()
	path := filepath.Join(c.dir, "between")
	listener, err := net.Listen("unix", path)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { listener.Close() })
	var one sync.Mutex
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				one.Lock()
				defer one.Unlock()
				chip, err := net.Dial("unix", c.path)
				if err != nil {
					return
				}
				defer chip.Close()
				for buffer := make([]byte, 4096); ; { // an answer or a command comes whole
					n, err := conn.Read(buffer)
					if err != nil {
						return
					}
					if !pass(buffer[:n]) {
						return
					}
					chip.Write(buffer[:n])
					if n, err = chip.Read(buffer); err != nil {
						return
					}
					conn.Write(buffer[:n])
				}
			}()
		}
	}()
	return path
}
