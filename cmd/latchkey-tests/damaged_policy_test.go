package tests

import (
	"path/filepath"
	"testing"
)

func TestADamagedPolicyOrManifestIsPutRightByTheLink(t *testing.T) {
	t.Parallel()
	c := adaAndBobLinked(t, false)
	c.startBroker()
	c.serve()
	reader := c.adopt(t, "front-door")
	reader.start()
	reader.begun()
	reader.linked()
	for _, pattern := range []string{"policy.cbor", "epoch-*/credentials.cbor"} {
		reader.kill()
		for _, path := range mustGlob(t, filepath.Join(reader.data(), pattern)) {
			b := readAll(t, path)
			b[100] ^= 4 // of the credentials: in the manifest
			writeAll(t, path, b)
		}
		reader.start()
		reader.eventually("cards work again after a flipped bit in "+pattern, func() bool {
			return reader.status()["card"] == "on" && reader.status()["pin"] == "on"
		})
		reader.opensByCard(bobUID, "a card")
	}
	// Nothing waits for a controller that answers, and what it says is fresh.
	reader.eventually("all records are acknowledged", func() bool {
		figures := reader.figures()
		return figures["records_waiting"].(float64) == 0 && figures["credentials_age_seconds"].(float64) == 0
	})
	c.stopServing()
	reader.eventually("the credentials age without a controller", func() bool {
		return reader.figures()["credentials_age_seconds"].(float64) > 0
	})
	if link := reader.status()["link"]; link != "down" {
		t.Errorf("the credentials age while the link is %v", link)
	}
}
