# dataset: the formats of data sets that others publish, and a file's rows, read where nothing else
# can be done.
noinst_LIBRARIES += libdataset.a
libdataset_a_SOURCES = \
	fcgi/dataset/bytes.h \
	fcgi/dataset/conversion.h fcgi/dataset/finish.c \
	fcgi/dataset/formats.c fcgi/dataset/formats.h \
	fcgi/dataset/parquet_codec.c fcgi/dataset/parquet_codec.h \
	fcgi/dataset/parquet_column.c fcgi/dataset/parquet_column.h \
	fcgi/dataset/parquet_element.c fcgi/dataset/parquet_element.h \
	fcgi/dataset/parquet_file.c fcgi/dataset/parquet_file.h \
	fcgi/dataset/parquet_json.c fcgi/dataset/parquet_json.h \
	fcgi/dataset/parquet_numbers.c fcgi/dataset/parquet_numbers.h \
	fcgi/dataset/parquet_page.c fcgi/dataset/parquet_page.h \
	fcgi/dataset/parquet_rows.c fcgi/dataset/parquet_rows.h \
	fcgi/dataset/parquet_schema.c fcgi/dataset/parquet_schema.h \
	fcgi/dataset/parquet_values.c fcgi/dataset/parquet_values.h \
	fcgi/dataset/patch.c fcgi/dataset/patch.h \
	fcgi/dataset/python_literal.c fcgi/dataset/python_literal.h \
	fcgi/dataset/row_source.c fcgi/dataset/row_source.h \
	fcgi/dataset/row_value.c fcgi/dataset/row_value.h \
	fcgi/dataset/splitter.c fcgi/dataset/splitter.h \
	fcgi/dataset/swe_bench.c fcgi/dataset/swe_bench.h \
	fcgi/dataset/task_rows.c fcgi/dataset/task_rows.h \
	fcgi/dataset/test_names.c fcgi/dataset/test_names.h \
	fcgi/dataset/thrift.c fcgi/dataset/thrift.h \
	fcgi/dataset/verifier_command.c fcgi/dataset/verifier_command.h
DATASET_LIBS = libdataset.a $(CSV_LIBS) $(SNAPPY_LIBS) $(ZSTD_LIBS) $(DEFLATE_LIBS) $(IMAGES_LIBS)
