package broker

import (
	"strings"
	"sync"
)

// maxRefusals bounds what is remembered, and logged, of refusals: a site has few broker clients,
// but those that were removed count, too.
const maxRefusals = 100

// A refusal is of a broker client, for topics of one kind.
type refusal struct {
	name, topics string
	write        bool
}

// refusals logs what broker clients may not do, once each. MQTT 3.1.1 does not tell a client why
// it is refused, and one that publishes with QoS 0 not even that it is.
type refusals struct {
	mu   sync.Mutex
	told map[refusal]bool
}

func (r *refusals) log(o Options, name, topic string, write bool) {
	topics := "others"
	switch {
	case strings.HasPrefix(topic, "latchkey/"):
		topics = "those of readers"
	case strings.HasPrefix(topic, shown(o.Site)):
		topics = shown(o.Site)
	case strings.HasPrefix(topic, shownRoot):
		topics = "those of other sites"
	case strings.HasPrefix(topic, discovery):
		topics = discovery
	}
	what := refusal{name, topics, write}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.told[what] || len(r.told) >= maxRefusals {
		return
	}
	if r.told == nil {
		r.told = map[refusal]bool{}
	}
	r.told[what] = true
	why := "it may not subscribe there"
	if write {
		why = "it may not publish there"
	}
	o.Log.Warn("broker: a broker client was refused", "name", name, "topic", topic[:min(len(topic), maxFilter)], "why", why, "topics", topics)
}
