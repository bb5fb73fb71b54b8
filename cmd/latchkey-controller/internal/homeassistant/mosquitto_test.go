package homeassistant

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/cmd/internal/freeport"
)

// access returns the broker's access list, which HOME_ASSISTANT.md has, and what a stranger
// may besides.
func (w *world) access() string {
	w.t.Helper()
	page, err := os.ReadFile("../../HOME_ASSISTANT.md")
	w.must(err)
	_, list, found := strings.Cut(string(page), "```\nuser latchkey\n")
	list, _, ends := strings.Cut(list, "```")
	if !found || !ends {
		w.t.Fatal("HOME_ASSISTANT.md has no access list")
	}
	return "user latchkey\n" + strings.ReplaceAll(list, "SITE", "hq") + "\nuser stranger\ntopic readwrite other/#\ntopic read latchkey-ha/#\n"
}

// mosquitto starts Home Assistant's broker.
func (w *world) mosquitto() {
	w.t.Helper()
	authority, pair := certificate(w.t)
	for name, text := range map[string]string{
		"ca.pem": authority, "broker.pem": pair[0], "broker.key": pair[1], "access.acl": w.access(),
		"login": "latchkey\nsecret of latchkey\n", "passwords": "latchkey:secret of latchkey\nhomeassistant:secret of homeassistant\nstranger:secret of stranger\n",
	} {
		w.must(os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600))
	}
	out, err := exec.Command("mosquitto_passwd", "-U", filepath.Join(w.dir, "passwords")).CombinedOutput()
	if err != nil {
		w.t.Fatalf("%v: %s", err, out)
	}
	address, err := freeport.Address()
	w.must(err)
	_, w.port, _ = net.SplitHostPort(address)
	config := fmt.Sprintf("listener %s 127.0.0.1\ncafile %[2]s/ca.pem\ncertfile %[2]s/broker.pem\nkeyfile %[2]s/broker.key\npassword_file %[2]s/passwords\nacl_file %[2]s/access.acl\nallow_anonymous false\npersistence false\n", w.port, w.dir)
	if os.Getuid() == 0 { // the test's directory is not for Mosquitto's own user
		config += "user root\n"
	}
	path := filepath.Join(w.dir, "mosquitto.conf")
	w.must(os.WriteFile(path, []byte(config), 0o600))
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		program = "/usr/sbin/mosquitto"
	}
	cmd := exec.Command(program, "-c", path)
	cmd.Stdout, cmd.Stderr = &w.said, &w.said
	if err := cmd.Start(); err != nil {
		w.t.Fatalf("%v; make setup installs mosquitto", err)
	}
	w.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if w.t.Failed() {
			w.t.Log(w.said.String())
		}
	})
	until(w.t, "Mosquitto listens", func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+w.port)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// certificate returns an authority and a certificate of it with its key, as PEM.
func certificate(t *testing.T) (authority string, pair [2]string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	make := func(serial int64, name string, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey, string) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(err)
		c := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
		if parent == nil {
			parent, by, c.IsCA, c.BasicConstraintsValid, c.KeyUsage = c, key, true, true, x509.KeyUsageCertSign
		} else {
			c.IPAddresses, c.ExtKeyUsage = []net.IP{net.IPv4(127, 0, 0, 1)}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
		must(err)
		made, err := x509.ParseCertificate(der)
		must(err)
		return made, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	root, key, authority := make(1, "Home", nil, nil)
	_, own, text := make(2, "broker", root, key)
	der, err := x509.MarshalPKCS8PrivateKey(own)
	must(err)
	return authority, [2]string{text, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))}
}

// A cable carries connections to a broker until it is cut.
type cable struct {
	listener net.Listener
	mu       sync.Mutex
	cut      bool
	ends     []net.Conn
}

func newCable(t *testing.T, port string) *cable {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{listener: listener}
	t.Cleanup(func() { listener.Close(); c.set(true) })
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", "127.0.0.1:"+port)
			c.mu.Lock()
			if err != nil || c.cut {
				near.Close()
				if far != nil {
					far.Close()
				}
				c.mu.Unlock()
				continue
			}
			c.ends = append(c.ends, near, far)
			c.mu.Unlock()
			go func() { io.Copy(near, far); near.Close() }()
			go func() { io.Copy(far, near); far.Close() }()
		}
	}()
	return c
}

// set cuts the cable, or mends it.
func (c *cable) set(cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = cut
	for _, end := range c.ends {
		end.Close()
	}
	c.ends = nil
}
