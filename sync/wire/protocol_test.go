package wire

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// A notation reads CBOR's diagnostic notation (RFC 8949 §8, RFC 8610 appendix
// G), as far as the examples use it.
type notation struct{ rest string }

// item encodes the next item.
func (n *notation) item() ([]byte, error) {
	n.space()
	switch {
	case n.take("<<"):
		items, _, err := n.items(">>")
		return Marshal(items), err
	case n.take("["):
		items, count, err := n.items("]")
		return append(head(4, count), items...), err
	case n.take("{"):
		items, count, err := n.items("}")
		return append(head(5, count/2), items...), err
	case n.take("h'"):
		text, rest, found := strings.Cut(n.rest, "'")
		if !found {
			return nil, fmt.Errorf("no end of bytes: %.40s", n.rest)
		}
		n.rest = rest
		b, err := hex.DecodeString(text)
		return Marshal(b), err
	case strings.HasPrefix(n.rest, `"`):
		quoted, err := strconv.QuotedPrefix(n.rest)
		if err != nil {
			return nil, err
		}
		n.rest = n.rest[len(quoted):]
		text, err := strconv.Unquote(quoted)
		return Marshal(text), err
	case n.take("true"):
		return []byte{0xf5}, nil
	case n.take("false"):
		return []byte{0xf4}, nil
	case n.take("null"):
		return []byte{0xf6}, nil
	}
	digits := regexp.MustCompile(`^-?\d+`).FindString(n.rest)
	n.rest = n.rest[len(digits):]
	number, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !n.take("(") {
		return Marshal(number), err
	}
	tagged, _, err := n.items(")")
	return append(head(6, int(number)), tagged...), err
}

// items encodes what stands before an end, side by side, with commas or colons
// between them.
func (n *notation) items(end string) (b []byte, count int, err error) {
	for {
		n.space()
		if n.take(end) {
			return b, count, nil
		}
		if count > 0 && !n.take(",") && !n.take(":") {
			return nil, 0, fmt.Errorf("neither %s nor a comma: %.40s", end, n.rest)
		}
		item, err := n.item()
		if err != nil {
			return nil, 0, err
		}
		b = append(b, item...)
		count++
	}
}

func (n *notation) take(token string) bool {
	rest, found := strings.CutPrefix(n.rest, token)
	n.rest = rest
	return found
}

func (n *notation) space() {
	for {
		n.rest = strings.TrimLeft(n.rest, " \n")
		comment := regexp.MustCompile(`^/[^/]*/`).FindString(n.rest)
		if comment == "" {
			return
		}
		n.rest = n.rest[len(comment):]
	}
}

// head encodes the head of an item (RFC 8949 §3).
func head(major byte, argument int) []byte {
	b := Marshal(uint64(argument))
	b[0] |= major << 5
	return b
}

func TestEachExampleOfTheProtocolIsTheVectorOfItsName(t *testing.T) {
	document, err := os.ReadFile("../PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	made := vectors(t)
	shown := map[string]bool{}
	for _, example := range regexp.MustCompile("(?s)```cbor ([a-z-]+)\n(.*?)```").FindAllSubmatch(document, -1) {
		name, text := string(example[1]), notation{string(example[2])}
		b, err := text.item()
		text.space()
		if err != nil || text.rest != "" {
			t.Errorf("%s: %v, then %.40q", name, err, text.rest)
			continue
		}
		if shown[name] || made[name] == nil {
			t.Errorf("%s is there twice, or is no vector", name)
		}
		shown[name] = true
		if !bytes.Equal(b, made[name]) {
			diagnostic, err := cbor.Diagnose(made[name])
			t.Errorf("%s is\n%x, want\n%x\n%s, %v", name, b, made[name], diagnostic, err)
		}
	}
	for _, name := range []string{"request-signed", "bundle"} {
		if !shown[name] {
			t.Errorf("there is no example %s", name)
		}
	}
	cddl, err := os.ReadFile("latchkey.cddl")
	if err != nil {
		t.Fatal(err)
	}
	kinds := regexp.MustCompile(`(?s)\nrecord-kind = (.*?) tstr`).FindSubmatch(cddl)
	for _, kind := range regexp.MustCompile(`"(.*?)"`).FindAllSubmatch(kinds[1], -1) {
		if !bytes.Contains(document, []byte("\n| `"+string(kind[1])+"` |")) {
			t.Errorf("records of the kind %s are not described", kind[1])
		}
	}
	for _, c := range channels {
		names := []string{string(c.Kind()) + "-signed"}
		if c == OnReply {
			names = []string{"reply-deltas", "reply-manifest", "reply-chunks", "reply-none"}
		}
		for _, name := range names {
			if !shown[name] {
				t.Errorf("%s has no example %s", c, name)
			}
		}
		if !bytes.Contains(document, []byte("/"+string(c)+"` |")) && !bytes.Contains(document, []byte("| `"+string(c)+"` |")) {
			t.Errorf("%s is not in the table of topics", c)
		}
	}
}

func TestTheNotationIsReadAsItIsWritten(t *testing.T) {
	for name, b := range vectors(t) {
		text, err := cbor.Diagnose(b)
		if err != nil {
			t.Fatal(err)
		}
		n := notation{text}
		if got, err := n.item(); err != nil || !bytes.Equal(got, b) || n.rest != "" {
			t.Errorf("%s: %s is read as %x, %v", name, text, got, err)
		}
	}
	for _, text := range []string{"", "[1", "[1 2]", "h'1", "h'x'", `"a`, "{1: }", "18(", "?"} {
		n := notation{text}
		if b, err := n.item(); err == nil {
			t.Errorf("%s is read as %x", text, b)
		}
	}
}
