/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli, RFC 3720 appendix B.4): torn and foreign records are told from ours by it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint32_t checksum_crc32c(const void *data, size_t size);
