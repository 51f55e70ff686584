#ifndef LICTOR_DNS_WIRE_H
#define LICTOR_DNS_WIRE_H

/* Numbers of the DNS wire format (RFC 1035, 3596, 2782, 6891, 7871). */

#define DNS_NAME_MAX      255u /* bytes of a name on the wire, root included */
#define DNS_LABEL_MAX     63u
#define DNS_LABELS_MAX    127u
#define DNS_UDP_PLAIN_MAX 512u

enum dns_type {
        DNS_TYPE_A = 1,
        DNS_TYPE_NS = 2,
        DNS_TYPE_CNAME = 5,
        DNS_TYPE_SOA = 6,
        DNS_TYPE_PTR = 12,
        DNS_TYPE_TXT = 16,
        DNS_TYPE_AAAA = 28,
        DNS_TYPE_SRV = 33,
        DNS_TYPE_OPT = 41,
        DNS_TYPE_AXFR = 252,
        DNS_TYPE_ANY = 255
};

enum dns_rcode {
        DNS_NOERROR = 0,
        DNS_FORMERR = 1,
        DNS_SERVFAIL = 2,
        DNS_NXDOMAIN = 3,
        DNS_NOTIMP = 4,
        DNS_REFUSED = 5
};

enum dns_opcode { DNS_OPCODE_QUERY = 0, DNS_OPCODE_NOTIFY = 4 };

#define DNS_CLASS_IN 1u

#define DNS_FLAG_QR     0x8000u
#define DNS_FLAG_OPCODE 0x7800u
#define DNS_FLAG_AA     0x0400u
#define DNS_FLAG_TC     0x0200u
#define DNS_FLAG_RD     0x0100u
#define DNS_FLAG_RA     0x0080u
#define DNS_FLAG_CD     0x0010u

/* A compression pointer holds 14 bits; the question's name always starts behind the header. */
#define DNS_POINTER          0xC000u
#define DNS_POINTER_REACH    0x4000u
#define DNS_POINTER_QUESTION 0xC00Cu

#define DNS_OPT_LENGTH     11u
#define DNS_OPTION_ECS     8u
#define DNS_ECS_HEADER     8u /* code, length, family, prefix, scope */
#define DNS_ECS_FAMILY_IP4 1u
#define DNS_ECS_FAMILY_IP6 2u

/* Of a record whose owner is a pointer: where its fields lie, and the two fixed sizes. */
#define DNS_RECORD_TYPE        2u
#define DNS_RECORD_TTL         6u
#define DNS_RECORD_DATA        12u
#define DNS_RECORD_A_LENGTH    16u
#define DNS_RECORD_AAAA_LENGTH 28u
#define DNS_SRV_TARGET         18u

#endif
