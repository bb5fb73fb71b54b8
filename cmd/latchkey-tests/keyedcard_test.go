package tests

import (
	"testing"
	"time"
)

// lay holds a card to the reader until lift; tear is after how many bytes it is torn away,
// 0: it is not.
func (r *testReader) lay(uid, kind string, tear int) (lift func()) {
	r.t.Helper()
	card := map[string]any{"uid": uid, "kind": kind}
	if tear > 0 {
		card["tear"] = tear
	}
	r.call("PUT", "/api/card", card, nil)
	return func() {
		r.call("DELETE", "/api/card", nil, nil)
		time.Sleep(1200 * time.Millisecond) // until it counts as taken away
	}
}

func (r *testReader) cards(outcome string) float64 {
	r.t.Helper()
	return r.figures()["lookups"].(map[string]any)["card"].(map[string]any)[outcome].(float64)
}

// A fresh card gets keys at the reader although it is torn away twice. It then opens the
// door, and what looks like it does not.
func TestACardThatGetsKeysFromItsControllerCannotBeCopied(t *testing.T) {
	t.Parallel()
	c := adaAndBobLinked(t, false) // only with the controller's own broker: the test in two tabs does the same with Mosquitto
	c.serve()
	reader := c.adopt(t, "front-door")
	reader.start()
	reader.linked()
	reader.eventually("the reader is at home", func() bool { return reader.offers("pin") })
	before := reader.revision()
	written := make(chan struct{})
	go func() {
		defer close(written) // if that failed, too
		c.tell("5566\n", "user", "card", "Ada Lovelace", "new", "front-door")
	}()
	reader.eventually("the reader asks for the card", func() bool { return !reader.offers("pin") })
	for i, tear := range []int{30, 400} {
		lift := reader.lay(carolUID, "desfire-ev3", tear)
		reader.eventually("the card is gone too early", func() bool { return reader.cards("card-gone") == float64(i+1) })
		lift()
	}
	lift := reader.lay(carolUID, "desfire-ev3", 0)
	<-written
	lift()
	if kinds := c.kinds(); kinds["access.granted"] != 0 || kinds["command.done"] != 1 {
		t.Errorf("personalising led to %v", kinds)
	}
	reader.eventually("the card is Ada's", func() bool { return reader.revision() > before })
	for _, kind := range []string{"uid", "copy"} {
		refused := reader.cards("not-genuine")
		lift := reader.lay(carolUID, kind, 0)
		reader.eventually("a copy is refused: "+kind, func() bool { return reader.cards("not-genuine") == refused+1 })
		lift()
	}
	lift = reader.lay(carolUID, "desfire-ev3", 0)
	reader.opens("the card with its keys")
	lift()
	reader.closed()
	policy := reader.status()["policy_revision"]
	c.tell("", "policy", "front-door", "set", "--limit", "2")
	reader.eventually("the limit has arrived", func() bool { return reader.status()["policy_revision"] != policy })
	for range 2 {
		reader.wrong(wrongPIN)
	}
	lift = reader.lay(carolUID, "copy", 0)
	reader.eventually("the copy is refused again", func() bool { return reader.cards("not-genuine") == 3 })
	lift()
	lift = reader.lay(bobUID, "uid", 0)
	reader.opens("a card that only has a number")
	lift()
	if !reader.locked() {
		t.Error("a card that can be copied ends a lockout")
	}
	reader.closed()
	lift = reader.lay(carolUID, "desfire-ev3", 0)
	reader.opens("the card with its keys")
	lift()
	if reader.locked() {
		t.Error("the card with its keys ends no lockout")
	}
	reader.eventually("the controller knows of the copies", func() bool { return c.kinds()["access.denied"] >= 3 }) // and maybe of a card that was lifted too early
}
