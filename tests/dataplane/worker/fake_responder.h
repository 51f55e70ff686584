#ifndef FAKE_RESPONDER_H
#define FAKE_RESPONDER_H

/*
 * Stands in for the responder and the data plane in worker tests: the first byte of a message says
 * what becomes of it, so that a test can ask for any verdict.
 */
enum fake_request {
        FAKE_ANSWER = 'a',    // NOERROR, "answer" in place of the query
        FAKE_NO_NAME = 'n',   // NXDOMAIN, likewise
        FAKE_PUNT = 'p',      // slow path
        FAKE_NOT_QUERY = 'q', // dropped
        FAKE_FILL = 'f',      // an answer that fills the message's capacity
};

extern _Thread_local unsigned fake_online; // balance of reader_online and reader_offline
extern _Thread_local unsigned fake_quiescent_count;

#endif
