package language

import (
	"fmt"

	"github.com/BurntSushi/toml"
	"golang.org/x/text/feature/plural"
)

// read reads files/TAG.toml: each sentence by its English; that of a counted sentence is its English for many, and it has a
// table of plural forms: one, few, many, other. A test reads each file: none is bad in a program.
func read(tag string) (sentences map[string]forms) {
	if _, err := toml.DecodeFS(files, "files/"+tag+".toml", &sentences); err != nil {
		panic(err)
	}
	return sentences
}

// formNames are the names of CLDR's plural forms.
var formNames = map[string]plural.Form{"zero": plural.Zero, "one": plural.One, "two": plural.Two, "few": plural.Few, "many": plural.Many, "other": plural.Other}

// UnmarshalTOML reads a sentence, or a table of plural forms.
func (f *forms) UnmarshalTOML(v any) error {
	*f = forms{}
	switch v := v.(type) {
	case string:
		(*f)[plural.Other] = v
		return nil
	case map[string]any:
		for name, text := range v {
			form, known := formNames[name]
			sentence, is := text.(string)
			if !known || !is {
				return fmt.Errorf("%q is no plural form with a sentence", name)
			}
			(*f)[form] = sentence
		}
		return nil
	}
	return fmt.Errorf("%v is neither a sentence nor a table of plural forms", v)
}
