package desfire

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
)

// unhex decodes what CARDS and the application notes print, spaces and all.
func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func key16(s string) *Key { return (*Key)(unhex(s)) }

func rnd(s string) io.Reader { return bytes.NewReader(unhex(s)) }

// zero is the key of most published examples.
const zero = "00000000000000000000000000000000"

// script is a card that expects exactly these commands; it holds commands and answers in turn.
type script struct {
	t     *testing.T
	lines []string
}

func (s *script) Select(context.Context) error { return errors.New("nothing to select") }

func (s *script) Transceive(_ context.Context, apdu []byte) ([]byte, error) {
	s.t.Helper()
	if len(s.lines) < 2 {
		s.t.Errorf("command %X after the script's end", apdu)
		return nil, io.EOF
	}
	if want := unhex(s.lines[0]); !bytes.Equal(apdu, want) {
		s.t.Errorf("command\n%X, want\n%X", apdu, want)
	}
	reply := unhex(s.lines[1])
	s.lines = s.lines[2:]
	return reply, nil
}

func play(t *testing.T, lines ...string) *script {
	s := &script{t, lines}
	t.Cleanup(func() {
		if len(s.lines) > 0 {
			t.Errorf("%d lines of the script were not played", len(s.lines))
		}
	})
	return s
}

func equal(t *testing.T, what string, got []byte, want string) {
	t.Helper()
	if !bytes.Equal(got, unhex(want)) {
		t.Errorf("%s is\n%X, want\n%X", what, got, unhex(want))
	}
}
