package main

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/device/pin"
	"latchkey/sync/wire"
)

func TestMain(m *testing.M) {
	if os.Getenv(runAsProgram) != "" {
		if file := os.Getenv(wallFile); file != "" {
			if err := putWall(file); err != nil {
				panic(err)
			}
		}
		main()
	}
	testscript.Main(m, map[string]func(){"latchkey-controller": main})
}

func TestTheProgramDoesWhatItsUsageSays(t *testing.T) {
	t.Parallel()
	source, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("TZ", "Europe/Berlin")
			env.Setenv("SOURCE", source)
			env.Setenv("TOMORROW", time.Now().AddDate(0, 0, 1).Format(time.DateOnly))
			env.Values["test"] = env.T()
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"request":     writeRequest,
			"tpm-request": writeTPMRequest,
			"holds":       bundleHolds,
			"code":        exitCode,
			"revision":    importRevision,
			"postgres":    newDatabase,
			"page":        runPage,
			"selected":    selectedRevision,
		},
	})
}

// newDatabase sets variables to the addresses of new databases of a PostgreSQL server: postgres
// VARIABLE….
func newDatabase(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		ts.Setenv(name, postgrestest.Database(ts.Value("test").(testing.TB)))
	}
}

// importRevision sets REVISION to the revision of the preview of an import.
func importRevision(ts *testscript.TestScript, _ bool, args []string) {
	setRevision(ts, "user", "import", "--dir", "site", args[0], "--json")
}

// selectedRevision sets REVISION to that of a look at an edit of several users.
func selectedRevision(ts *testscript.TestScript, _ bool, args []string) {
	setRevision(ts, append([]string{"user", "edit-several", "--dir", "site", "--json"}, args...)...)
}

// setRevision sets REVISION to what a look prints as JSON.
func setRevision(ts *testscript.TestScript, args ...string) {
	ts.Check(ts.Exec("latchkey-controller", args...))
	var preview struct {
		Revision string `json:"revision"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &preview))
	ts.Setenv("REVISION", preview.Revision)
}

// A board is made of its name, so that a script can come back to it.
type board struct {
	signing ed25519.PrivateKey
	sealing *ecdh.PrivateKey
}

func newBoard(ts *testscript.TestScript, name string) board {
	seed := sha256.Sum256([]byte(name))
	sealing, err := ecdh.X25519().NewPrivateKey(seed[:])
	ts.Check(err)
	return board{ed25519.NewKeyFromSeed(seed[:]), sealing}
}

// writeRequest does what latchkeyd identity does: request BOARD FILE.
func writeRequest(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: request BOARD FILE")
	}
	b := newBoard(ts, args[0])
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	ts.Check(err)
	request := &wire.Request{Signing: [32]byte(b.signing.Public().(ed25519.PublicKey)), Sealing: [32]byte(b.sealing.PublicKey().Bytes()), CSR: csr}
	signed, err := request.Sign(b.signing)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), signed, 0o600))
}

// writeTPMRequest does what latchkeyd identity does with a TPM: tpm-request NONCE FILE. A
// reader that does not run has no nonce for a first grant; of it, NONCE is 0.
func writeTPMRequest(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: tpm-request NONCE FILE")
	}
	nonce, err := strconv.ParseUint(args[0], 10, 8)
	ts.Check(err)
	b := boardtest.NewWithTPM(ts.Value("test").(testing.TB), wire.TPMNonce{byte(nonce)})
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b.Signed, 0o600))
}

// bundleHolds opens a bundle as the board would and looks for a PIN or a card:
// holds BOARD REQUEST BUNDLE pin|card VALUE USER.
func bundleHolds(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 6 {
		ts.Fatalf("usage: holds BOARD REQUEST BUNDLE pin|card VALUE USER")
	}
	request, _, err := wire.ParseRequest([]byte(ts.ReadFile(args[1])))
	ts.Check(err)
	bundle, err := wire.OpenBundle([]byte(ts.ReadFile(args[2])), request, newBoard(ts, args[0]).sealing)
	ts.Check(err)
	item, rest, err := wire.Next(bundle.Snapshot)
	ts.Check(err)
	opened, err := wire.OpenManifest(bundle.Site, item, bundle.Controller[:])
	ts.Check(err)
	manifest := opened.Manifest()
	var kind wire.CredentialKind
	var material []byte
	if args[3] == "pin" {
		kind = wire.PIN
		material, err = pin.Material([]byte(args[4]), manifest.KDF)
	} else {
		kind = wire.Card
		material, err = hex.DecodeString(args[4])
	}
	ts.Check(err)
	keys, err := pin.NewKeys(&bundle.Keys)
	ts.Check(err)
	tag, err := keys.Tag(kind, material)
	ts.Check(err)
	user, err := strconv.ParseUint(args[5], 10, 64)
	ts.Check(err)
	found := false
	for len(rest) > 0 {
		var b []byte
		b, rest, err = wire.Next(rest)
		ts.Check(err)
		chunk, err := wire.ParseChunk(b)
		ts.Check(err)
		if at, in := chunk.Find(tag); in {
			c, err := chunk.Credential(at)
			ts.Check(err)
			found = c.User == user
		}
	}
	if found == neg {
		ts.Fatalf("%s is in %s: %t", args[3], filepath.Base(args[2]), found)
	}
}

// exitCode runs a program that is to end with a code: code N PROGRAM ARGS.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N PROGRAM [ARGS]")
	}
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || strconv.Itoa(exit.ExitCode()) != args[0] {
		ts.Fatalf("%v, not exit code %s", err, args[0])
	}
}
