package tests

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// clients is where programs are that are not ours, in JavaScript.
const clients = "testdata/clients"

// serveAPI starts the controller with the API, at an address of its own.
func (c *controller) serveAPI() {
	c.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	c.api = listener.Addr().String()
	listener.Close()
	c.serve()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", c.api)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatal("the API is not there: ", err)
		}
	}
}

// token makes a token with some scopes.
func (c *controller) token(name string, scopes ...string) string {
	c.t.Helper()
	args := []string{"token", "make", name}
	for _, scope := range scopes {
		args = append(args, "--scope", scope)
	}
	return strings.TrimSpace(c.tell("", args...))
}

// n8n is a process that runs the code of n8n-nodes-unifi-access.
type n8n struct {
	t    testing.TB
	in   *json.Encoder
	out  *bufio.Reader
	port int             // at which it receives webhooks
	ran  map[string]bool // "resource operation"
}

// A refusal is what the node shows when it fails.
type refusal struct {
	Message     string // the code, from an answer of 200
	Description string
	Status      int    // of the answer; 0: there was none, or it was 200
	Code, Text  string // of such an answer
}

// n8n starts one, with credentials as they are entered in n8n.
func (c *controller) n8n(token string) *n8n {
	c.t.Helper()
	if _, err := os.Stat(filepath.Join(clients, "node_modules", ".package-lock.json")); err != nil {
		c.t.Fatal("the clients in JavaScript are not installed; make setup installs them: ", err)
	}
	cmd := exec.Command("node", "n8n.js")
	cmd.Dir, cmd.Stderr = clients, c.t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		c.t.Fatal("node is not installed; make setup installs it: ", err)
	}
	c.t.Cleanup(func() {
		in.Close()
		io.Copy(io.Discard, out)
		cmd.Wait()
	})
	n := &n8n{t: c.t, in: json.NewEncoder(in), out: bufio.NewReader(out), ran: map[string]bool{}}
	var begun struct{ Port int }
	n.must(n.ask("begin", map[string]any{"accessToken": token, "url": "https://" + c.api, "allowUnauthorizedCerts": true}, &begun))
	n.port = begun.Port
	return n
}

// ask has the process do something. The refusal is nil if it worked.
func (n *n8n) ask(command string, given map[string]any, into any) *refusal {
	n.t.Helper()
	line := map[string]any{"command": command}
	for name, value := range given {
		line[name] = value
	}
	if err := n.in.Encode(line); err != nil {
		n.t.Fatal(err)
	}
	said, err := n.out.ReadBytes('\n')
	if err != nil {
		n.t.Fatalf("%s: %v", command, err)
	}
	var answer struct {
		Result json.RawMessage
		Error  *refusal
	}
	if err := json.Unmarshal(said, &answer); err != nil {
		n.t.Fatal(err)
	}
	if answer.Error != nil || into == nil {
		return answer.Error
	}
	if err := json.Unmarshal(answer.Result, into); err != nil {
		n.t.Fatalf("%s: %v: %s", command, err, answer.Result)
	}
	return nil
}

func (n *n8n) must(r *refusal) {
	n.t.Helper()
	if r != nil {
		n.t.Fatalf("%+v", *r)
	}
}

// items are what a node hands on to the next one in a workflow. One that is no object, like
// "success", is empty.
type items []map[string]any

// UnmarshalJSON implements json.Unmarshaler.
func (all *items) UnmarshalJSON(b []byte) error {
	var each []any
	err := json.Unmarshal(b, &each)
	*all = nil
	for _, one := range each {
		object, _ := one.(map[string]any)
		*all = append(*all, object)
	}
	return err
}

// run has the node do an operation, and must not fail.
func (n *n8n) run(operation string, parameters map[string]any) (out items) {
	n.t.Helper()
	if r := n.try(operation, parameters, &out); r != nil {
		n.t.Fatalf("%s: %+v", operation, *r)
	}
	return out
}

// refused has the node do an operation, and must fail.
func (n *n8n) refused(operation string, parameters map[string]any) refusal {
	n.t.Helper()
	var out items
	r := n.try(operation, parameters, &out)
	if r == nil {
		n.t.Fatalf("%s is not refused: %v", operation, out)
	}
	return *r
}

func (n *n8n) try(operation string, parameters map[string]any, out *items) *refusal {
	n.t.Helper()
	resource, name, _ := strings.Cut(operation, " ")
	n.ran[operation] = true
	given := map[string]any{"resource": resource, "operation": name}
	for name, value := range parameters {
		given[name] = value
	}
	return n.ask("run", given, out)
}

// find returns the item with an id.
func (all items) find(id string) map[string]any {
	for _, item := range all {
		if item["id"] == id {
			return item
		}
	}
	return nil
}

// A delivery is a webhook that came, as its receiver judged it.
type delivery struct {
	Headers map[string]string
	Status  int
	Error   string
	Body    struct {
		Event, Type string
		Timestamp   time.Time
		Data        struct {
			Location struct{ ID, Name string }
			Actor    *struct{ ID, Name, Type string }
			Object   map[string]any
		}
	}
}

// delivery waits for a webhook at a path, of an event if given, that was answered by a status.
func (n *n8n) delivery(path, event string, status int) (d delivery) {
	n.t.Helper()
	n.must(n.ask("delivery", map[string]any{"path": path, "event": event, "status": status, "seconds": 60}, &d))
	return d
}
