package desk

// HomeAssistant returns the actor of what Home Assistant sees and, with commands, asks for. It
// sees readers and what happens at them. With commands it may unlock doors and set and end
// their modes, as a token with the scope operate: never a lockdown or an evacuation.
func HomeAssistant(commands bool) Actor {
	a := Actor{Name: "Home Assistant", Role: Editor, FreshSignIn: true, Via: MQTT, scopes: string(ScopeRead) + " " + string(ScopeActivity)}
	if commands {
		a.scopes += " " + string(ScopeOperate)
	}
	return a
}
