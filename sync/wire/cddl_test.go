package wire

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A cddl is what the checks below need of latchkey.cddl: it is read line by
// line, and keeps to a form that allows that.
type cddl struct {
	rules   map[string]string       // name = type, on one line or several
	members map[string][]cddlMember // name = { or [ … ]: one member a line
}

type cddlMember struct {
	optional bool
	key      string // "" in an array
	typ      string
	field    string // first word of the comment
}

var (
	ruleLine   = regexp.MustCompile(`^([a-z][a-z0-9-]*)\s*= (.*?)\s*(;.*)?$`)
	memberLine = regexp.MustCompile(`^  (\? )?(?:(\d+): )?(.+), ; (\w+)(:.*)?$`)
)

func readCDDL(t *testing.T) *cddl {
	t.Helper()
	b, err := os.ReadFile("latchkey.cddl")
	if err != nil {
		t.Fatal(err)
	}
	c := &cddl{map[string]string{}, map[string][]cddlMember{}}
	open, list := "", false
	for i, line := range strings.Split(string(b), "\n") {
		rule := ruleLine.FindStringSubmatch(line)
		switch {
		case rule != nil:
			open, list = rule[1], rule[2] == "{" || rule[2] == "["
			if c.rules[open] != "" {
				t.Errorf("line %d: %s is there twice", i+1, open)
			}
			c.rules[open] = rule[2]
		case strings.HasPrefix(line, "  ") && list:
			m := memberLine.FindStringSubmatch(line)
			if m == nil {
				t.Errorf("line %d is no member: %s", i+1, line)
				continue
			}
			c.members[open] = append(c.members[open], cddlMember{m[1] != "", m[2], m[3], m[4]})
		case strings.HasPrefix(line, "  "):
			c.rules[open] += line
		}
	}
	return c
}

// shape says what a type of CDDL is on the wire, as far as Go's types tell.
func (c *cddl) shape(t *testing.T, typ string) string {
	word, rest, _ := strings.Cut(typ, " ")
	switch {
	case strings.HasSuffix(typ, " / null"):
		return "nullable " + c.shape(t, strings.TrimSuffix(typ, " / null"))
	case word == "bstr":
		if size, found := strings.CutPrefix(rest, ".size "); found && !strings.Contains(size, "(") {
			return "bytes " + size
		}
		return "bytes"
	case word == "tstr", strings.HasPrefix(word, `"`):
		return "text"
	case word == "uint", regexp.MustCompile(`^\d`).MatchString(word):
		return "number"
	case word == "int":
		return "signed number"
	case word == "bool", word == "true":
		return "bool"
	case strings.HasPrefix(word, "["):
		_, element, found := strings.Cut(strings.TrimSuffix(typ, "]"), " ")
		if !found {
			t.Errorf("no list: %s", typ)
		}
		return "list of " + c.shape(t, element)
	case c.members[word] != nil:
		return word
	case c.rules[word] != "":
		return c.shape(t, c.rules[word])
	}
	t.Errorf("unknown type %q", typ)
	return typ
}

// messages are the rules that stand for structs.
var messages = map[string]any{
	"credential": Credential{}, "change": Change{}, "delta": Delta{}, "kdf": KDF{}, "manifest": Manifest{}, "chunk": Chunk{},
	"policy": Policy{}, "access": Access{}, "schedule": Schedule{}, "span": Span{}, "holiday": Holiday{}, "screen": Screen{}, "wanted-mode": WantedMode{}, "two-proofs": TwoProofs{}, "opening": Opening{}, "mode-state": ModeState{},
	"command": Command{}, "record": Record{}, "request": Request{}, "handover": Handover{}, "handover-answer": HandoverAnswer{}, "sealed-bundle": sealed{}, "bundle": Bundle{},
	"position": Position{}, "epoch-key": Key{}, "epoch-keys": EpochKeys{}, "tpm-keys": TPMKeys{}, "wrapped-key": WrappedKey{}, "activation": Activation{}, "grant": Grant{}, "request-tpm": RequestTPM{}, "tpm-state": TPMState{}, "budget": Budget{}, "now": Now{}, "ack": Ack{}, "state": State{}, "condition": Condition{}, "fault": Fault{},
	"card-read": CardRead{}, "card-to-key": CardToKey{}, "card-keys": CardKeys{}, "card-key-sets": CardKeySets{}, "key-set": KeySet{}, "records": Records{}, "fetch": Fetch{}, "reply": Reply{}, "chunk-part": ChunkPart{},
}

// goShape says what a type of Go is on the wire.
func goShape(typ reflect.Type) string {
	for name, message := range messages {
		if reflect.TypeOf(message) == typ {
			return name
		}
	}
	switch typ.Kind() {
	case reflect.Pointer:
		return goShape(typ.Elem())
	case reflect.Array:
		return fmt.Sprintf("bytes %d", typ.Len())
	case reflect.Slice:
		if typ.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return "list of " + goShape(typ.Elem())
	case reflect.String:
		return "text"
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "number"
	case reflect.Int64:
		return "signed number"
	case reflect.Bool:
		return "bool"
	}
	return typ.String()
}

func TestTheCDDLNamesEachMemberOfEachMessage(t *testing.T) {
	c := readCDDL(t)
	for name := range c.members {
		if messages[name] == nil {
			t.Errorf("%s is no message of this package", name)
		}
	}
	for name, message := range messages {
		typ := reflect.TypeOf(message)
		var fields []reflect.StructField
		for i := range typ.NumField() {
			if typ.Field(i).Name != "_" {
				fields = append(fields, typ.Field(i))
			}
		}
		if len(fields) != len(c.members[name]) {
			t.Errorf("%s has %d members, and its struct %d fields", name, len(c.members[name]), len(fields))
			continue
		}
		for i, field := range fields {
			m := c.members[name][i]
			key, options, _ := strings.Cut(field.Tag.Get("cbor"), ",")
			optional := strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
			if m.field != field.Name || m.key != key || m.optional != optional {
				t.Errorf("%s: member %+v stands for field %s %q", name, m, field.Name, field.Tag)
			}
			got, want := c.shape(t, m.typ), goShape(field.Type)
			if field.Type.Kind() == reflect.Pointer && !optional {
				want = "nullable " + want
			}
			// Times before 1970 are refused where CDDL says so.
			if got != want && !(got == "number" && want == "signed number") && !(field.Type.Kind() == reflect.Slice && want == "bytes" && strings.HasPrefix(got, "bytes")) {
				t.Errorf("%s: %s is %s, and in Go %s", name, m.field, got, want)
			}
		}
	}
}

func TestTheCDDLNamesEachConstant(t *testing.T) {
	c := readCDDL(t)
	rules := map[string]string{"Kind": "signed-kind", "Order": "order", "Cause": "cause", "RecordKind": "record-kind", "StrikeState": "strike-state", "Mode": "mode", "DoorState": "door-state", "Want": "want"}
	constants := map[string][]string{}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(node ast.Node) bool {
			spec, ok := node.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if typ, ok := spec.Type.(*ast.Ident); ok && rules[typ.Name] != "" {
				value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				constants[typ.Name] = append(constants[typ.Name], value)
			}
			return true
		})
	}
	for typ, rule := range rules {
		var named []string
		for _, m := range regexp.MustCompile(`"([^"]*)"`).FindAllStringSubmatch(c.rules[rule], -1) {
			named = append(named, m[1])
		}
		slices.Sort(named)
		slices.Sort(constants[typ])
		if !slices.Equal(named, constants[typ]) {
			t.Errorf("%s names %q, and the constants of %s are %q", rule, named, typ, constants[typ])
		}
	}
	var rows []string
	for _, row := range recordKinds {
		rows = append(rows, string(row.kind))
	}
	slices.Sort(rows)
	if !slices.Equal(rows, constants["RecordKind"]) {
		t.Errorf("the table has rows of %q, and the kinds are %q", rows, constants["RecordKind"])
	}
}
