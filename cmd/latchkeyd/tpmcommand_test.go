//go:build !firmware

package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-tpm/tpm2"

	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/device/pin/tpm"
	"latchkey/sync/wire"
)

// configWith writes a config of a simulated board whose [key] names this TPM; "": none.
func configWith(t *testing.T, path string) (file, data string) {
	t.Helper()
	dir := t.TempDir()
	text := "[reader]\nid = \"front-door\"\ndata = \"data\"\n[board]\nkind = \"sim\"\n[board.sim]\nlisten = \"127.0.0.1:0\"\n"
	if path != "" {
		text += fmt.Sprintf("[key]\ntpm = %q\n", path)
	}
	file = filepath.Join(dir, "latchkeyd.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, filepath.Join(dir, "data")
}

// says runs a command and returns what it prints.
func says(t *testing.T, command func(context.Context, *call) error, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := command(t.Context(), &call{flags: flag.NewFlagSet("latchkeyd", flag.ContinueOnError), args: args, stdout: &out, stderr: &out})
	return out.String(), err
}

func TestCheckSaysWhatATPMCanDo(t *testing.T) {
	chip := newChip(t)
	for _, test := range []struct {
		name, path, says string
		fails            bool
	}{
		{"none", "", "no problems found", false},
		{"one that can", chip.path, "; can keep a budget of PINs", false},
		{"one that is not there", filepath.Join(chip.dir, "none"), tpm.ErrAbsent.Error(), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			file, _ := configWith(t, test.path)
			said, err := says(t, checkCommand, "--config", file)
			if !strings.Contains(said, test.says) || (err != nil) != test.fails || test.fails && !strings.Contains(said, "line 9: key.tpm") {
				t.Errorf("%v\n%s", err, said)
			}
			if strings.Contains(said, "TPM 2.0 of") != (test.path == chip.path) {
				t.Errorf("of the TPM it says: %s", said)
			}
		})
	}
}

// raw is a chip as anybody with root has it.
type raw struct{ *chip }

func (r raw) Send(command []byte) ([]byte, error) {
	conn, err := net.Dial("unix", r.path)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err := conn.Write(command); err != nil {
		return nil, err
	}
	answer := make([]byte, 4096)
	n, err := conn.Read(answer)
	return answer[:n], err
}

func TestCheckSaysWhatATPMLacks(t *testing.T) {
	owner := tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: tpm2.PasswordAuth(nil)}
	primary := func(t *testing.T, to raw) *tpm2.CreatePrimaryResponse {
		t.Helper()
		made, err := tpm2.CreatePrimary{PrimaryHandle: owner, InPublic: tpm2.New2B(tpm2.ECCSRKTemplate)}.Execute(to)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	for _, test := range []struct {
		name string
		take func(t *testing.T, to raw) // from the TPM what a budget needs
		says error
	}{
		{"a password of its owner", func(t *testing.T, to raw) {
			change := tpm2.HierarchyChangeAuth{AuthHandle: owner, NewAuth: tpm2.TPM2BAuth{Buffer: []byte("another program's")}}
			if _, err := change.Execute(to); err != nil {
				t.Fatal(err)
			}
		}, tpm.ErrOwned},
		{"no room for keys", func(t *testing.T, to raw) {
			made := primary(t, to)
			object := tpm2.NamedHandle{Handle: made.ObjectHandle, Name: made.Name}
			for n := range tpm2.TPMHandle(1000) {
				if _, err := (tpm2.EvictControl{Auth: owner, ObjectHandle: object, PersistentHandle: 0x81000100 + n}).Execute(to); err != nil {
					t.Logf("%d keys of others: %v", n, err)
					break
				}
			}
			if _, err := (tpm2.FlushContext{FlushHandle: made.ObjectHandle}).Execute(to); err != nil {
				t.Fatal(err)
			}
		}, tpm.ErrFull},
		{"no room for its index", func(t *testing.T, to raw) {
			sizes := []uint16{2048, 128, 8}
			for n := tpm2.TPMHandle(0); n < 1000 && len(sizes) > 0; n++ {
				area := tpm2.TPMSNVPublic{NVIndex: 0x01900000 + n, NameAlg: tpm2.TPMAlgSHA256, DataSize: sizes[0],
					Attributes: tpm2.TPMANV{NT: tpm2.TPMNTOrdinary, OwnerWrite: true, OwnerRead: true}}
				if _, err := (tpm2.NVDefineSpace{AuthHandle: owner, PublicInfo: tpm2.New2B(area)}).Execute(to); err != nil {
					t.Logf("%d indexes of others: %v", n, err)
					sizes = sizes[1:]
				}
			}
		}, tpm.ErrFull},
	} {
		t.Run(test.name, func(t *testing.T) {
			chip := newChip(t)
			file, _ := configWith(t, chip.path)
			if said, err := says(t, checkCommand, "--config", file); err != nil {
				t.Fatalf("of a new TPM: %v\n%s", err, said)
			}
			test.take(t, raw{chip})
			said, err := says(t, checkCommand, "--config", file)
			if err == nil || !strings.Contains(said, "line 9: key.tpm: "+test.says.Error()) || strings.Contains(said, "can keep a budget") {
				t.Errorf("%v\n%s", err, said)
			}
			said, err = says(t, checkCommand, "--json", "--config", file)
			if err == nil || !strings.Contains(said, test.says.Error()) || strings.Contains(said, `"tpm"`) {
				t.Errorf("%v\n%s", err, said)
			}
		})
	}
}

func TestCheckSaysThatKeysAreNotInTheTPMOfTheConfig(t *testing.T) {
	file, data := configWith(t, newChip(t).path)
	if err := os.Rename(keyedData(t), data); err != nil {
		t.Fatal(err)
	}
	if said, err := says(t, checkCommand, "--config", file); err == nil || !strings.Contains(said, errInFile.Error()) {
		t.Errorf("%v\n%s", err, said)
	}
}

func TestARequestNamesTheTPMOfTheConfig(t *testing.T) {
	one, other := newChip(t), newChip(t)
	file, data := configWith(t, one.path)
	request := func() (*wire.Request, string) {
		t.Helper()
		out := filepath.Join(t.TempDir(), "request")
		said, err := says(t, identityCommand, "--config", file, "--out", out)
		if err != nil {
			t.Fatal(err, said)
		}
		warned := strings.Contains(said, "Better start the reader and run this again")
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		r, _, err := wire.ParseRequest(b)
		if err != nil {
			t.Fatal(err)
		}
		if warned != (r.TPM.Nonce == wire.TPMNonce{}) {
			t.Errorf("of %+v: %s", r.TPM, said)
		}
		return r, wire.Fingerprint(r.Lasting())
	}
	first, fingerprint := request()
	if first.TPM == nil || first.TPM.Nonce != (wire.TPMNonce{}) { // nobody would wait for the grant
		t.Fatalf("%+v", first.TPM)
	}
	if _, again := request(); again != fingerprint {
		t.Error("asked again it has another fingerprint")
	}
	unlock, err := datadir.Lock(data) // a reader runs
	if err != nil {
		t.Fatal(err)
	}
	if running, same := request(); running.TPM == nil || running.TPM.Nonce == (wire.TPMNonce{}) || same != fingerprint {
		t.Errorf("while a reader runs: %+v, fingerprint %s, before %s", running.TPM, same, fingerprint)
	}
	if err := os.Remove(filepath.Join(data, datadir.TPM)); err != nil {
		t.Fatal(err)
	}
	if said, err := says(t, identityCommand, "--config", file, "--out", filepath.Join(t.TempDir(), "request")); err == nil || !strings.Contains(err.Error(), "has not reached its TPM yet") {
		t.Errorf("while a reader runs without its TPM: %v, %s", err, said)
	}
	unlock()

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, bytes.ReplaceAll(text, []byte(one.path), []byte(other.path)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, moved := request(); moved == fingerprint {
		t.Error("another TPM has the same fingerprint")
	}
	other.cut()
	if said, err := says(t, identityCommand, "--config", file, "--out", filepath.Join(t.TempDir(), "request")); err == nil || !strings.Contains(err.Error(), tpm.ErrAbsent.Error()) {
		t.Errorf("without the TPM that the config names: %v, %s", err, said)
	}
}
