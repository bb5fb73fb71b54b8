package wire

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
	"unicode"
)

func TestALogOfWhatOthersSayIsShortAndPlain(t *testing.T) {
	evil := "evil\n\x1b[31m\u202e\u2028\x00\xff" + strings.Repeat("é", 30<<10)
	var b bytes.Buffer
	log := PlainLog(slog.New(slog.NewJSONHandler(&b, nil)))
	// A broker may show any names before its certificate is looked at further.
	certificate := &x509.Certificate{Raw: []byte{1}, DNSNames: []string{evil, "b"}}
	err := VerifyCertificate([]*x509.Certificate{certificate}, certificate, x509.ExtKeyUsageServerAuth, "controller.example")
	if err == nil || !strings.Contains(err.Error(), "\x1b[31m") {
		t.Fatalf("%.200v", err)
	}
	log.With("with", evil).WithGroup("group").Warn("said "+evil, "text", evil, "err", fmt.Errorf("connect: %w", err), "list", []string{evil}, "nil", nil,
		slog.Group("inner", "text", evil), "n", 7, "wait", time.Second, "address", net.IPv4(192, 0, 2, 1), "short", errors.New("no"))
	var line map[string]any
	if err := json.Unmarshal(b.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	var check func(what string, value any)
	check = func(what string, value any) {
		switch value := value.(type) {
		case map[string]any:
			for key, v := range value {
				check(what+"."+key, v)
			}
		case string:
			if len(value) > maxLogged+100 { // a replaced byte is three
				t.Errorf("%s: %d bytes", what, len(value))
			}
			if strings.ContainsFunc(value, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl) }) {
				t.Errorf("%s is not plain: %.80q", what, value)
			}
		}
	}
	check("line", line)
	group := line["group"].(map[string]any)
	if group["n"] != 7.0 || group["wait"] != float64(time.Second) || group["address"] != "192.0.2.1" || group["short"] != "no" {
		t.Errorf("%v", group)
	}
	if !strings.HasPrefix(group["text"].(string), "evil��[31m��") || !strings.HasSuffix(group["text"].(string), fmt.Sprintf("… (%d bytes)", len(evil))) {
		t.Errorf("%.80q", group["text"])
	}
}
