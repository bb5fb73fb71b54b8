package language

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template/parse"
	"unicode"
)

// callers are the functions of the code that take a sentence's English, by their names: at which argument it is.
// A counted one takes English for one, and then for many.
var callers = map[string]struct {
	at      int
	counted bool
}{
	"Say": {0, false}, "Count": {1, true}, // of this package
	"wrong":  {1, false}, // of forms, in desk and console
	"refuse": {0, false}, // of the site
}

// A key is a sentence as it stands in the code.
type key struct {
	english string
	counted bool
}

// keys returns the sentences of the code with where each stands.
func keys(t *testing.T) map[key]string {
	t.Helper()
	all := map[key]string{}
	add := func(k key, at string) {
		if all[k] == "" && (k.english == "" || strings.ContainsFunc(verbless.Replace(k.english), differs)) {
			all[k] = at
		}
	}
	add(key{"%s and %s", false}, "values.go")
	add(key{"%[2]s and %[1]d more", true}, "values.go")
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || d.IsDir():
			return err
		case strings.HasSuffix(path, ".html"):
			return templateKeys(path, add)
		case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") && filepath.Dir(path) != "../language" && path != "../console/language.go":
			return goKeys(path, add)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func goKeys(path string, add func(key, string)) error {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, 0)
	if err != nil {
		return err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, is := n.(*ast.CallExpr)
		if !is {
			return true
		}
		name := ""
		switch f := call.Fun.(type) {
		case *ast.Ident:
			name = f.Name
		case *ast.SelectorExpr:
			name = f.Sel.Name
			if of, is := f.X.(*ast.Ident); name != "wrong" && (!is || of.Name != "language") {
				return true
			}
		}
		c, known := callers[name]
		if name == "refuse" && filepath.Base(filepath.Dir(path)) != "site" { // another one
			return true
		}
		if c.counted {
			c.at++
		}
		if !known || len(call.Args) <= c.at {
			return true
		}
		if arg, is := call.Args[c.at].(*ast.Ident); is && arg.Name == "english" { // in one of these functions
			return true
		}
		at := set.Position(call.Pos()).String()
		text, literal := constant(call.Args[c.at])
		if !literal {
			text = "" // which no file may have: TestEverySentenceIsInEachFile names the place
		}
		add(key{text, c.counted}, at)
		return true
	})
	return nil
}

// constant returns the text of a literal, or of several that are added.
func constant(e ast.Expr) (text string, is bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		left, one := constant(e.X)
		right, other := constant(e.Y)
		return left + right, one && other
	}
	return "", false
}

func templateKeys(path string, add func(key, string)) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	tree := parse.New(path)
	tree.Mode = parse.SkipFuncCheck
	trees := map[string]*parse.Tree{}
	if _, err := tree.Parse(string(text), "", "", trees); err != nil {
		return err
	}
	for _, tree := range trees {
		each(reflect.ValueOf(tree.Root), func(c *parse.CommandNode) {
			name, is := c.Args[0].(*parse.IdentifierNode)
			at, counted := 1, false
			switch {
			case !is || name.Ident != "say" && name.Ident != "count":
				return
			case name.Ident == "count":
				at, counted = 3, true
			}
			if len(c.Args) > at {
				if text, is := c.Args[at].(*parse.StringNode); is {
					add(key{text.Text, counted}, path)
				}
			}
		})
	}
	return nil
}

// each calls do with each command below a node.
func each(v reflect.Value, do func(*parse.CommandNode)) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() || v.Type() == reflect.TypeFor[*parse.Tree]() {
			return
		}
		if c, is := v.Interface().(*parse.CommandNode); is {
			do(c)
		}
		each(v.Elem(), do)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				each(v.Field(i), do)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			each(v.Index(i), do)
		}
	}
}

// verbless takes the verbs away: what has nothing then that differs is the same in all languages.
var verbless = strings.NewReplacer("%s", "", "%d", "")

// differs reports whether a character is not the same in all languages: French has a space before colons and semicolons.
func differs(r rune) bool { return unicode.IsLetter(r) || r == ':' || r == ';' }

// noteless cuts the note off a sentence.
func noteless(english string) string {
	english, _, _ = strings.Cut(english, "¦")
	return english
}

// verbs returns which verb a text has for each of its values: "1s 2d".
func verbs(text string) string {
	var all []string
	next := 1
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			continue
		}
		i++
		if end := strings.IndexByte(text[i:], ']'); strings.HasPrefix(text[i:], "[") && end > 0 {
			next, _ = strconv.Atoi(text[i+1 : i+end])
			i += end + 1
		}
		if i < len(text) && text[i] != '%' {
			all = append(all, strconv.Itoa(next)+text[i:i+1])
			next++
		}
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), " ")
}

func TestEverySentenceIsInEachFileWithItsValues(t *testing.T) {
	code := keys(t)
	for _, l := range New().All()[1:] {
		for k, at := range code {
			in, found := l.sentences()[k.english]
			if !found {
				t.Errorf("%s lacks %q of %s", l.Tag, k.english, at)
				continue
			}
			wanted := []string{"other"}
			if k.counted {
				wanted = formsOf(l)
			}
			if len(in) != len(wanted) {
				t.Errorf("%s: %q has %d forms, not %v", l.Tag, k.english, len(in), wanted)
			}
			for _, name := range wanted {
				got, want := verbs(in[formNames[name]]), verbs(noteless(k.english))
				if k.counted { // "one" says what the number is
					got, want = strings.TrimPrefix(got, "1d"), strings.TrimPrefix(want, "1d")
				}
				if in[formNames[name]] == "" || strings.TrimSpace(got) != strings.TrimSpace(want) {
					t.Errorf("%s: %q for %q has the values %q, not %q", l.Tag, in[formNames[name]], k.english, got, want)
				}
			}
		}
		for english := range l.sentences() {
			if code[key{english, false}] == "" && code[key{english, true}] == "" {
				t.Errorf("%s has %q, which the code does not say", l.Tag, english)
			}
		}
	}
}

// formsOf returns the names of the plural forms that a language has for whole numbers.
func formsOf(l *Language) (names []string) {
	for name, form := range formNames {
		for n := range 1000 {
			if l.form(n) == form {
				names = append(names, name)
				break
			}
		}
	}
	slices.Sort(names)
	return names
}
