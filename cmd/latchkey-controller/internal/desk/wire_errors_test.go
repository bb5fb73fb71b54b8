package desk

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// Package wire knows no languages: whoever adds an error there, or rewords one, is told to say it here.
func TestEachErrorOfPackageWireAboutWhatIsEnteredIsSaid(t *testing.T) {
	files, err := filepath.Glob("../../../../sync/wire/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var formats []string
	for _, path := range files {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`\bwrong\(("(?:[^"\\]|\\.)*")`).FindAllSubmatch(source, -1) {
			format, err := strconv.Unquote(string(found[1]))
			if err != nil {
				t.Fatal(err)
			}
			formats = append(formats, format)
		}
	}
	for _, format := range formats {
		if !slices.ContainsFunc(entered, func(s *language.Sentence) bool { return s.String() == format }) {
			t.Errorf("nobody says %q", format)
		}
	}
	for _, said := range entered {
		if !slices.Contains(formats, said.String()) {
			t.Errorf("package wire does not say %q", said)
		}
	}
}

func TestWhatPackageWireRefusesIsSaidWithItsValues(t *testing.T) {
	german := language.New().Choose("de", "")
	for err, want := range map[error]string{
		wire.CheckName("Night shift"):                  `"Night shift" kann kein Name sein: Verwenden Sie 1 bis 32 Kleinbuchstaben, Ziffern und Bindestriche, keinen Bindestrich am Anfang`,
		wire.CheckLabel("a\x00"):                       "es darf keine Steuerzeichen enthalten",
		wire.CheckBroker("tcp://broker.example"):       `Broker "tcp://broker.example": Ein Broker auf einem anderen Rechner braucht TLS; schreiben Sie ssl://host:port`,
		wire.CheckBrokers([]string{"ssl://a.example"}): `Broker "ssl://a.example": Schreiben Sie ssl://a.example:8883`,
	} {
		if got := german.Say(SaidOf(err)); got != want {
			t.Errorf("%s\nis said %s\nwanted %s", err, got, want)
		}
	}
}
