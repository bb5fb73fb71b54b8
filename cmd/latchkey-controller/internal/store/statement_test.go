package store

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// quotedText matches a text in a statement, unspaced a sum that forSQLite takes for a hint.
var (
	quotedText = regexp.MustCompile(`'[^']*'`)
	unspaced   = regexp.MustCompile(`[a-z0-9_)?'] *\+[a-z_]`)
)

// wrong returns what of a statement postgresEngine.statement would change that it should not; "": nothing.
func wrong(statement string) string {
	for _, text := range quotedText.FindAllString(statement, -1) {
		if forSQLite.MatchString(text) {
			return text
		}
	}
	return unspaced.FindString(quotedText.ReplaceAllString(statement, "''"))
}

// The rules know no SQL: what is a ? in a text, and a + without spaces, is for them a parameter and a hint.
func TestNoStatementHasWhatTheRulesWouldSpoil(t *testing.T) {
	for statement, want := range map[string]string{
		`SELECT 1 WHERE a = '?'`:                     `'?'`,
		`SELECT a+b FROM c`:                          `a+b`,
		`SELECT ? +b FROM c`:                         `? +b`,
		`SELECT 'it' WHERE b = 'a +b' AND c = 1`:     `'a +b'`,
		`SELECT a + b, n +1 FROM c WHERE +d = ? `:    ``,
		`SELECT '?'||x FROM c`:                       `'?'`,
		`SELECT 'fine' FROM c WHERE +a = 1 AND +b=2`: ``,
	} {
		if got := wrong(statement); got != want {
			t.Errorf("%s: %q, want %q", statement, got, want)
		}
	}
	entries, err := os.ReadDir(".")
	must(t, err)
	statements := 0
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, entry.Name(), nil, 0)
		must(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			text, is := n.(*ast.BasicLit)
			if !is || text.Kind != token.STRING || text.Value[0] != '`' {
				return true
			}
			value, err := strconv.Unquote(text.Value)
			must(t, err)
			if value == forSQLite.String() {
				return true
			}
			statements++
			if found := wrong(value); found != "" {
				t.Errorf("%s has %s, which PostgreSQL would not get as it is", files.Position(text.Pos()), found)
			}
			return true
		})
	}
	if statements < 300 {
		t.Errorf("%d statements", statements)
	}
}
