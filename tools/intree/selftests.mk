# SPDX-License-Identifier: GPL-2.0
CFLAGS += -std=gnu11 -O2 -Wall -pthread -DTAP_SKIPPED=4 $(KHDR_INCLUDES)
