package tests

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A step is a function that README walks by.
type step struct {
	pkg, name string // "device", "Reader.Step"
	up        bool   // it is reached by an event, or by a function that was handed down
}

var (
	walkLine = regexp.MustCompile("(?m)^(\\d+)\\. (↑ )?`([a-z0-9/-]+)\\.([A-Za-z.]+)`: \\S")
	listed   = regexp.MustCompile(`(?m)^\d+\. `)
)

// walks returns those of README.
func walks(t *testing.T) (all [][]step) {
	t.Helper()
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(b), "### Four walks\n")
	section, _, ends := strings.Cut(section, "\n## ")
	if !found || !ends {
		t.Fatal("README has no section of the four walks")
	}
	lines := walkLine.FindAllStringSubmatch(section, -1)
	if n := len(listed.FindAllString(section, -1)); n != len(lines) {
		t.Errorf("%d of %d steps are written as steps are", len(lines), n)
	}
	for _, line := range lines {
		if line[1] == "1" {
			all = append(all, nil)
		}
		last := len(all) - 1
		all[last] = append(all[last], step{line[3], line[4], line[2] != ""})
	}
	return all
}

// functions returns the names of a package's functions, methods with their type.
func functions(t *testing.T, pkg string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", pkg, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			of := ""
			if f.Recv != nil {
				at := f.Recv.List[0].Type
				if star, ok := at.(*ast.StarExpr); ok {
					at = star.X
				}
				if index, ok := at.(*ast.IndexExpr); ok {
					at = index.X
				}
				of = at.(*ast.Ident).Name + "."
			}
			names = append(names, of+f.Name.Name)
		}
	}
	return names
}

func TestTheFourWalksLeadByFunctionsThatAreThere(t *testing.T) {
	t.Parallel()
	all := walks(t)
	if len(all) != 4 {
		t.Fatalf("%d walks", len(all))
	}
	imports := map[string][]string{}
	for _, p := range listPackages(t, "latchkey/...") {
		imports[strings.TrimPrefix(p.ImportPath, "latchkey/")] = p.Imports
	}
	for i, walk := range all {
		verified := 0
		for j, s := range walk {
			if !slices.Contains(functions(t, s.pkg), s.name) {
				t.Errorf("walk %d: there is no %s.%s", i+1, s.pkg, s.name)
			}
			if s.pkg == "sync/wire" && strings.HasPrefix(s.name, "Open") {
				verified++
			}
			if j == 0 || walk[j-1].pkg == s.pkg {
				continue
			}
			before := walk[j-1].pkg
			down := slices.Contains(imports[before], "latchkey/"+s.pkg)
			apart := !down && !slices.Contains(imports[s.pkg], "latchkey/"+before) // only the broker, or a channel, is between
			if !s.up && !down && !apart {
				t.Errorf("walk %d: a call from %s to %s.%s goes up", i+1, before, s.pkg, s.name)
			}
			if s.up && down {
				t.Errorf("walk %d: from %s to %s.%s is down", i+1, before, s.pkg, s.name)
			}
		}
		fromOutside := i == 1 || i == 2 // a message of the controller
		if want := map[bool]int{true: 1}[fromOutside]; verified != want {
			t.Errorf("walk %d verifies %d times, not %d", i+1, verified, want)
		}
	}
}
