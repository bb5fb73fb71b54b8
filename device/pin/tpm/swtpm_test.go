package tpm

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"latchkey/device/pin/tpm/swtpm"
	"latchkey/sync/wire"
)

// A chip is a swtpm of a test.
type chip struct {
	*swtpm.Chip
	t testing.TB
}

func newChip(t testing.TB) *chip { return &chip{swtpm.New(t), t} }

// A controller has keys and a grant key.
type controller struct {
	t         testing.TB
	key       *ecdsa.PrivateKey
	pin, card [32]byte
}

func newController(t testing.TB) *controller {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &controller{t: t, key: key}
	rand.Read(c.pin[:])
	rand.Read(c.card[:])
	return c
}

// adopt answers a request.
func (c *controller) adopt(request *wire.RequestTPM, limit uint32) *wire.TPMKeys {
	c.t.Helper()
	var ref wire.TPMRef
	rand.Read(ref[:])
	keys, err := Wrap(request.Parent, nil, &c.key.PublicKey, ref, &c.pin, &c.card)
	if err != nil {
		c.t.Fatal(err)
	}
	keys.Grant, err = FirstGrant(c.key, ref, request.Nonce, limit)
	if err != nil {
		c.t.Fatal(err)
	}
	return keys
}

// refill returns keys with a later grant.
func (c *controller) refill(keys *wire.TPMKeys, limit uint32) *wire.TPMKeys {
	c.t.Helper()
	grant, err := Refill(c.key, keys.Ref, limit)
	if err != nil {
		c.t.Fatal(err)
	}
	later := *keys
	later.Grant = grant
	return &later
}

// material returns what a PIN might yield.
func material(n byte) []byte {
	m := sha256.Sum256([]byte{n})
	return m[:]
}

func mac(key *[32]byte, kind byte, material []byte) []byte {
	m := hmac.New(sha256.New, key[:])
	m.Write([]byte{kind})
	m.Write(material)
	return m.Sum(nil)
}

func ready(t testing.TB, limit uint32) (*chip, *controller, *TPM, *wire.TPMKeys) {
	t.Helper()
	chip := newChip(t)
	c := newController(t)
	tpm := Open(chip.Path)
	t.Cleanup(func() { tpm.Close() })
	request, err := tpm.Request(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	keys := c.adopt(request, limit)
	if err := tpm.Use(t.Context(), keys); err != nil {
		t.Fatal(err)
	}
	return chip, c, tpm, keys
}

// send sends a command to the chip, as it is, and returns the answer; none if the chip is
// gone.
func (c *chip) send(command []byte) []byte {
	conn, err := net.Dial("unix", c.Path)
	if err != nil {
		return nil
	}
	defer conn.Close()
	conn.Write(command)
	return receive(conn)
}

// receive reads one command or answer.
func receive(conn net.Conn) []byte {
	header := make([]byte, headerSize)
	if _, err := io.ReadFull(conn, header); err != nil {
		return nil
	}
	rest := make([]byte, binary.BigEndian.Uint32(header[2:])-headerSize)
	if _, err := io.ReadFull(conn, rest); err != nil {
		return nil
	}
	return append(header, rest...)
}

// A hook answers a command instead of the chip. No answer: the connection is closed.
type hook func(cc tpm2.TPMCC, command []byte) []byte

// between returns the path of a socket whose commands go through a hook, one at a time.
func (c *chip) between(h hook) string {
	c.t.Helper()
	path := filepath.Join(filepath.Dir(c.Path), fmt.Sprint("p", time.Now().UnixNano()))
	listener, err := net.Listen("unix", path)
	if err != nil {
		c.t.Fatal(err)
	}
	var serving sync.WaitGroup
	var one sync.Mutex
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				one.Lock()
				defer one.Unlock()
				if command := receive(conn); command != nil {
					conn.Write(h(tpm2.TPMCC(binary.BigEndian.Uint32(command[6:])), command))
				}
			})
		}
	})
	c.t.Cleanup(func() {
		listener.Close()
		serving.Wait()
	})
	return path
}

// answer is an answer of the chip that has only a code.
func answer(rc tpm2.TPMRC) []byte {
	return binary.BigEndian.AppendUint32([]byte{0x80, 0x01, 0, 0, 0, headerSize}, uint32(rc))
}

// raw returns the chip as anybody with root has it.
func (c *chip) raw() transport.TPM { return direct{c} }

type direct struct{ *chip }

func (d direct) Send(command []byte) ([]byte, error) {
	if answer := d.send(command); answer != nil {
		return answer, nil
	}
	return nil, errors.New("no chip")
}

// handles returns the handles of a kind that the chip holds.
func (c *chip) handles(kind uint32) []tpm2.TPMHandle {
	c.t.Helper()
	answer, err := tpm2.GetCapability{Capability: tpm2.TPMCapHandles, Property: kind, PropertyCount: 100}.Execute(c.raw())
	if err != nil {
		c.t.Fatal(err)
	}
	list, err := answer.CapabilityData.Data.Handles()
	if err != nil {
		c.t.Fatal(err)
	}
	return list.Handle
}
