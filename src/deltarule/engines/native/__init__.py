"""The native engine: C++ behind the engine contract."""
