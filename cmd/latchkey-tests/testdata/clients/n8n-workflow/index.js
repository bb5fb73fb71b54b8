'use strict';

// What n8n throws for a node. The status is that of the answer, if there was one.
class NodeError extends Error {
	constructor(node, cause, options = {}) {
		super(options.message ?? (typeof cause === 'string' ? cause : cause.message));
		this.node = node;
		this.description = options.description;
		this.status = cause.status;
		this.answer = cause.answer;
	}
}

exports.NodeApiError = class NodeApiError extends NodeError {};
exports.NodeOperationError = class NodeOperationError extends NodeError {};
exports.NodeConnectionTypes = { Main: 'main' };
exports.sleep = (ms) => new Promise((wake) => setTimeout(wake, ms));
