package keypad

import (
	"bytes"
	"fmt"
	"go/format"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"golang.org/x/text/language"
)

// A languageFile is languages/TAG.toml.
type languageFile struct {
	tag       string
	Name      string            `toml:"name"`      // what the language calls itself
	Sentences map[string]string `toml:"sentences"` // by their English
}

// languageFiles are all there are, English first.
func languageFiles(t *testing.T) []languageFile {
	t.Helper()
	paths, err := filepath.Glob("languages/*")
	if err != nil {
		t.Fatal(err)
	}
	var files []languageFile
	for _, path := range paths {
		var f languageFile
		known, err := toml.DecodeFile(path, &f)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, key := range known.Undecoded() {
			t.Errorf("%s: unknown key %s", path, key)
		}
		f.tag = strings.TrimSuffix(filepath.Base(path), ".toml")
		if tag, err := language.Parse(f.tag); err != nil || tag.String() != f.tag {
			t.Errorf("%s: the name must be a tag of RFC 5646 and .toml: %v", path, err)
		}
		files = append(files, f)
	}
	i := slices.IndexFunc(files, func(f languageFile) bool { return f.tag == "en" })
	if i < 0 {
		t.Fatal("languages/en.toml is missing")
	}
	return slices.Concat(files[i:i+1], files[:i], files[i+1:])
}

func TestEveryLanguageFileHasANameAndExactlyTheSentencesOfEnglish(t *testing.T) {
	files := languageFiles(t)
	for key, text := range files[0].Sentences {
		if key != text {
			t.Errorf("en: %q is %q", key, text)
		}
	}
	for _, f := range files {
		if f.Name == "" || f.Name != strings.TrimSpace(f.Name) {
			t.Errorf("%s: the name is %q", f.tag, f.Name)
		}
		for key := range files[0].Sentences {
			if _, ok := f.Sentences[key]; !ok {
				t.Errorf("%s: %q is missing", f.tag, key)
			}
		}
		for key, text := range f.Sentences {
			if _, ok := files[0].Sentences[key]; !ok {
				t.Errorf("%s: %q is not in en.toml", f.tag, key)
			}
			if text == "" || text != strings.TrimSpace(text) {
				t.Errorf("%s: %q is %q", f.tag, key, text)
			}
			if strings.Count(text, "{}") != strings.Count(key, "{}") {
				t.Errorf("%s: %q and %q differ in {}", f.tag, key, text)
			}
		}
	}
}

// With -update it writes translations.go.
func TestTheTranslationsAreThoseOfTheLanguageFiles(t *testing.T) {
	files := languageFiles(t)
	var b bytes.Buffer
	b.WriteString("// Code generated from languages/*.toml by go generate. DO NOT EDIT.\n\npackage keypad\n\n")
	b.WriteString("// languages are the tags (RFC 5646) of those that have a file, English first.\nvar languages = [...]string{")
	for _, f := range files {
		fmt.Fprintf(&b, "%q,", f.tag)
	}
	b.WriteString("}\n\n// translations are all sentences by their English, in the order of languages without it.\n")
	b.WriteString("var translations = map[string][len(languages) - 1]string{\n")
	for _, key := range slices.Sorted(maps.Keys(files[0].Sentences)) {
		var texts []string
		for _, f := range files[1:] {
			texts = append(texts, fmt.Sprintf("%q", f.Sentences[key]))
		}
		fmt.Fprintf(&b, "%q: {%s},\n", key, strings.Join(texts, ", "))
	}
	b.WriteString("}\n")
	want, err := format.Source(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("translations.go", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile("translations.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("translations.go is not what the language files say: run go generate ./keypad")
	}
}
